import type { Map } from '../../api/schema.ts';
import { size } from '../../format/size.ts';
import { curve, draw, kinds, lanes, TOP, WIDTH, type Link, type Picture } from '../../state/picture.ts';

interface Props {
  map: Map;
  followed: string | null;
  follow: (gva: string) => void;
}

const PAGE = 4096;

/** The three lanes. A page can be followed by pointing at it; by keyboard, from the table or by its address. */
export function MapPicture({ map, followed, follow }: Props) {
  const picture = draw(map);
  const page = followed === null ? null : samePage(followed);
  const marked = picture.links.find((link) => BigInt(link.page.gva) === page);
  return (
    <>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="map-title">
        <svg
          class="map"
          viewBox={`0 0 ${WIDTH} ${picture.height}`}
          role="img"
          aria-label={`${map.sample.length} mapped pages, from guest virtual address to machine frame. The table says where each leads.`}
        >
          <Lane lane="gva" name="Guest virtual" note="in order" picture={picture} ends={null} />
          <Lane lane="gpa" name="Guest physical" note="to scale" picture={picture} ends={map.guest_frames * PAGE} />
          <Lane lane="machine" name="Machine" note="to scale" picture={picture} ends={map.pool_frames * PAGE} />
          {picture.links.map((link) => (
            <Path key={link.page.gva} link={link} marked={false} follow={follow} />
          ))}
          {marked && <Path link={marked} marked follow={follow} />}
        </svg>
      </div>
      <ul class="legend">
        {kinds.map(([kind, label, meaning]) => (
          <li key={kind} title={meaning}>
            <span class={`swatch ${kind}`} />
            <span class="label">{label}</span>
          </li>
        ))}
        <li title="Guest virtual straight to machine, as the processor uses it">
          <span class="swatch dashed" />
          <span class="label">Shadow entry</span>
        </li>
        <li title="Not in memory now: the path ends at the guest physical page">
          <span class="swatch open" />
          <span class="label">No frame</span>
        </li>
      </ul>
    </>
  );
}

function samePage(gva: string): bigint | null {
  try {
    return BigInt(gva) & ~0xfffn;
  } catch {
    return null;
  }
}

interface LaneProps {
  lane: keyof typeof lanes;
  name: string;
  note: string;
  picture: Picture;
  /** How large it is; null if it is not to scale. */
  ends: number | null;
}

function Lane({ lane, name, note, picture, ends }: LaneProps) {
  const [x, width] = lanes[lane];
  return (
    <g class="lane">
      <text class="name" x={x + width / 2} y={16}>
        {name}
      </text>
      <text class="note" x={x + width / 2} y={31}>
        {ends === null ? note : `${size(ends)}, ${note}`}
      </text>
      <rect x={x} y={TOP} width={width} height={picture.foot - TOP} rx="3" />
    </g>
  );
}

function Path({ link, marked, follow }: { link: Link; marked: boolean; follow: (gva: string) => void }) {
  const { page, kind, gva, gpa, machine } = link;
  const [[virtualX, width], [physicalX], [machineX]] = [lanes.gva, lanes.gpa, lanes.machine];
  const first = curve(virtualX + width, gva, physicalX, gpa);
  const second = machine === null ? '' : curve(physicalX + width, gpa, machineX, machine);
  return (
    <g class={`path ${kind} ${marked ? 'marked' : ''}`} onClick={() => follow(page.gva)}>
      <title>{`${page.gva} ${page.permissions} → gfn ${page.gfn} → ${page.mfn === null ? 'no frame' : `mfn ${page.mfn}`}`}</title>
      {page.shadowed && machine !== null && (
        <path class="shadow" d={curve(virtualX + width, gva, machineX, machine)} />
      )}
      <path d={first + second} />
      <path class="grip" d={first + second} />
      <rect x={virtualX} y={gva - 3} width={width} height="6" rx="1" />
      <rect x={physicalX} y={gpa - 1.5} width={width} height="3" />
      {machine === null ? (
        <circle class="open" cx={physicalX + width + 5} cy={gpa} r="3.5" />
      ) : (
        <rect x={machineX} y={machine - 1.5} width={width} height="3" />
      )}
      {(link.labelled || marked) && (
        <text class="address" x={virtualX - 6} y={gva + 3.5}>
          {page.gva}
        </text>
      )}
      {marked && (
        <text class="address end" x={machineX + width + 6} y={(machine ?? gpa) + 3.5}>
          {page.mfn === null ? '' : `mfn ${page.mfn}`}
        </text>
      )}
    </g>
  );
}
