import type { Map } from '../../api/schema.ts';
import { size } from '../../format/size.ts';
import { Term } from '../../parts/Term.tsx';
import { map as says } from '../../words/figures.ts';
import { curve, draw, kinds, lanes, TOP, WIDTH, type Layout, type Link, type Picture } from '../../state/picture.ts';

interface Props {
  map: Map;
  layout: Layout;
  followed: string | null;
  follow: (gva: string) => void;
}

const PAGE = 4096;

/** The three lanes. A page can be followed by pointing at it; by keyboard, from the table or by its address. */
export function MapPicture({ map, layout, followed, follow }: Props) {
  const picture = draw(map, layout);
  const note = (frames: number, shown: number): string => (layout === 'order' ? `${shown} pages, in order` : `${size(frames * PAGE)}, to scale`);
  const thick = layout === 'order' ? 6 : 3;
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
          <Lane lane="gva" name="Guest virtual" note={`${map.sample.length} pages, in order`} picture={picture} />
          <Lane lane="gpa" name="Guest physical" note={note(map.guest_frames, map.sample.length)} picture={picture} />
          <Lane lane="machine" name="Machine" note={note(map.pool_frames, map.sample.filter(({ mfn }) => mfn !== null).length)} picture={picture} />
          {picture.links.map((link) => (
            <Path key={link.page.gva} link={link} marked={false} thick={thick} follow={follow} />
          ))}
          {marked && <Path link={marked} marked thick={thick} follow={follow} />}
        </svg>
      </div>
      <ul class="legend">
        {kinds.map(([kind, label]) => (
          <li key={kind}>
            <span class={`swatch ${kind}`} />
            <Term class="label" says={says[kind]}>
              {label}
            </Term>
          </li>
        ))}
        <li>
          <span class="swatch dashed" />
          <Term class="label" says={says.shadow}>
            Shadow entry
          </Term>
        </li>
        <li>
          <span class="swatch open" />
          <Term class="label" says={says.noFrame}>
            No frame
          </Term>
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
}

function Lane({ lane, name, note, picture }: LaneProps) {
  const [x, width] = lanes[lane];
  return (
    <g class="lane">
      <text class="name" x={x + width / 2} y={16}>
        {name}
      </text>
      <text class="note" x={x + width / 2} y={31}>
        {note}
      </text>
      <rect x={x} y={TOP} width={width} height={picture.foot - TOP} rx="3" />
    </g>
  );
}

interface PathProps {
  link: Link;
  marked: boolean;
  /** The height of a page in the lanes that are drawn either way. */
  thick: number;
  follow: (gva: string) => void;
}

function Path({ link, marked, thick, follow }: PathProps) {
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
      <rect x={physicalX} y={gpa - thick / 2} width={width} height={thick} rx="1" />
      {machine === null ? (
        <circle class="open" cx={physicalX + width + 5} cy={gpa} r="3.5" />
      ) : (
        <rect x={machineX} y={machine - thick / 2} width={width} height={thick} rx="1" />
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
