// One address, from the guest's tables to the machine frame.

import type { Address } from '../../api/schema.ts';
import { call } from '../../api/call.ts';
import { Empty, Failed } from '../../parts/Waiting.tsx';
import { words } from '../../format/text.ts';
import { Term } from '../../parts/Term.tsx';
import type { PageState } from '../../state/composition.ts';
import { pages } from '../../words/values.ts';
import { useLoaded } from '../../state/loaded.ts';
import { cut, parseAddress } from '../../state/picture.ts';
import { tell } from '../../state/notices.ts';

interface Props {
  name: string;
  cpu: number;
  gva: string | null;
  follow: (gva: string) => void;
  period: number;
}

export function Follow({ name, cpu, gva, follow, period }: Props) {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const typed = String(new FormData(event.currentTarget as HTMLFormElement).get('gva') ?? '');
    const parsed = parseAddress(typed);
    if (parsed) follow(parsed);
    else tell('An address is up to 16 hexadecimal digits, such as 0x3f80ac8000.');
  };
  return (
    <section class="card" aria-labelledby="follow-title">
      <header class="chart-head">
        <h2 id="follow-title">Follow an address</h2>
        <form class="inline" onSubmit={submit}>
          <input key={gva} name="gva" class="number" aria-label="Guest virtual address" placeholder="0x3f80ac8000" defaultValue={gva ?? ''} spellcheck={false} autocomplete="off" />
          <button type="submit">Follow</button>
        </form>
      </header>
      {gva ? <Followed name={name} cpu={cpu} gva={gva} period={period} /> : <Empty>Type an address of the guest, or choose a page in the picture.</Empty>}
    </section>
  );
}

function Followed({ name, cpu, gva, period }: Omit<Props, 'follow'> & { gva: string }) {
  const { value, problem, again } = useLoaded(
    `${name} ${cpu} ${gva}`,
    async (signal) => (await call('GET /v1/vms/{name}/map/{gva}', { params: { name, gva }, query: { cpu }, signal })).answer,
    period,
  );
  if (problem) return <Failed problem={problem} again={again} />;
  if (!value) return <div class="ghost wide" />;
  return <Steps way={value} />;
}

const agreements: Record<Address['agreement'], string> = {
  agree: 'The shadow entry, the guest’s tables and the pmap agree.',
  disagree: 'The shadow entry disagrees with the guest’s tables and the pmap: this should not be.',
  nothing_to_compare: 'There is no shadow entry to compare with.',
  stale: 'The shadow entry is from before the guest’s last fence: it is compared before it is used.',
};

function Steps({ way }: { way: Address }) {
  const { indexes, offset } = cut(way.gva, way.walk[0] ? way.walk[0].level + 1 : 0);
  return (
    <ol class="steps">
      <li>
        <h3>
          Guest virtual <code>{way.gva}</code>
        </h3>
        <p class="soft">
          Cut into an index for each level of the guest’s page tables, {indexes.join(', ')}, and the offset <code>0x{offset.toString(16)}</code> in the page.
          The root table is at gfn <code>{way.space.root_table_gfn}</code>.
        </p>
      </li>
      {way.walk.map((step) => (
        <li key={step.level}>
          <h3>
            Level {step.level}: entry {step.index} of the table at gfn <code>{step.table_gfn}</code>
          </h3>
          <p class="soft">
            {step.entry !== null && <code>{step.entry}</code>} {step.letters !== null && <code>{step.letters}</code>} {step.meaning}
          </p>
        </li>
      ))}
      <li>
        <h3>Guest physical {way.gpa === null ? 'none' : <code>{way.gpa}</code>}</h3>
        <p class="soft">
          {way.page ? (
            <>
              The pmap says that gfn <code>{way.page.gfn}</code> is <PageStateWord state={way.page.state} />
              {way.page.in_passage ? ', and changing now' : ''}.
            </>
          ) : way.gpa === null ? (
            'The guest’s tables lead nowhere: using the address is a fault that the guest gets.'
          ) : (
            'There is no memory: a device answers, or nobody.'
          )}
        </p>
      </li>
      <li class={way.machine === null ? 'none' : 'end'}>
        <h3>Machine {way.machine === null ? 'none' : <code>{way.machine}</code>}</h3>
        <p class="soft">
          {way.shadow && (
            <>
              The shadow entry leads straight to mfn <code>{way.shadow.mfn}</code> (<code>{way.shadow.permissions}</code>
              {way.shadow.writes_pass ? '' : ', writes come to the VMM first'}).{' '}
            </>
          )}
          {agreements[way.agreement]}
        </p>
      </li>
    </ol>
  );
}

/** A newer host may know of more states. */
const PageStateWord = ({ state }: { state: string }) =>
  state in pages ? <Term says={pages[state as PageState]}>{words(state)}</Term> : <>{words(state)}</>;
