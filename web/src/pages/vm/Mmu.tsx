// How a VM's addresses are translated, why, and what that costs.

import { useState } from 'preact/hooks';
import type { Mmu as Technique, Statistics, Vm } from '../../api/schema.ts';
import { call } from '../../api/call.ts';
import { Size } from '../../parts/Size.tsx';
import { Table, type Column } from '../../parts/Table.tsx';
import { Empty, Failed } from '../../parts/Waiting.tsx';
import { Term } from '../../parts/Term.tsx';
import { count, sentence, words } from '../../format/text.ts';
import { counters } from '../../words/counters.ts';
import { machine } from '../../words/figures.ts';
import { techniques } from '../../words/values.ts';
import { may } from '../../state/caller.ts';
import { newestVms } from '../../state/host.ts';
import { useLoaded } from '../../state/loaded.ts';
import { attempt } from '../../state/notices.ts';

const PERIOD = 2000;

export function Mmu({ vm }: { vm: Vm }) {
  const is = vm.mmu ?? 'automatic';
  // What was chosen is shown at once: until the host has it and is asked, the model has what was before.
  const [chosen, setChosen] = useState<Technique | null>(null);
  const choose = (mmu: Technique): void => {
    setChosen(mmu);
    void attempt(async () => {
      try {
        await call('PATCH /v1/vms/{name}', { params: { name: vm.name }, body: { mmu } });
        await newestVms();
      } finally {
        // Unless something else was chosen since.
        setChosen((last) => (last === mmu ? null : last));
      }
      return `The technique of ${vm.name} is ${mmu}.`;
    });
  };
  return (
    <>
      <section class="card" aria-labelledby="mmu-title">
        <h2 id="mmu-title">Translation of addresses</h2>
        <fieldset class="choices">
          <legend class="unseen">Technique</legend>
          {(Object.entries(techniques) as [Technique, [string, string]][]).map(([key, [label, meaning]]) => (
            <label key={key} class="choice">
              <input type="radio" name="mmu" value={key} checked={(chosen ?? is) === key} disabled={!may('administer')} onChange={() => choose(key)} />
              <span>
                <strong>{label}</strong>
                <span class="hint">{meaning}</span>
              </span>
            </label>
          ))}
        </fieldset>
        {!may('administer') && (
          <p class="hint told">
            To choose takes the role <em>administer</em>.
          </p>
        )}
      </section>
      {vm.power === 'running' || vm.power === 'paused' ? <Counted name={vm.name} /> : <Empty>It does not run, so nothing is counted.</Empty>}
    </>
  );
}

function Counted({ name }: { name: string }) {
  const { value, problem, again } = useLoaded(
    name,
    async (signal) => (await call('GET /v1/vms/{name}/statistics', { params: { name }, signal })).answer,
    PERIOD,
  );
  if (problem && !value) return <Failed problem={problem} again={again} />;
  if (!value) return <div class="card ghost wide" />;
  return (
    <>
      <section class="card" aria-labelledby="reason-title">
        <h2 id="reason-title">Why it is done so</h2>
        <p>
          {sentence(value.reason)}
          {/[.!?]$/.test(value.reason) ? '' : '.'}
        </p>
      </section>
      <Processors value={value} />
      <Counters value={value} />
      <Devices value={value} />
    </>
  );
}

const processorColumns: readonly Column<Statistics['cpus'][number]>[] = [
  { head: 'vCPU', cell: (_, index) => index },
  { head: 'Technique', says: machine.technique, cell: (cpu) => cpu.technique },
  { head: 'Instructions', says: machine.instructions, figures: true, cell: (cpu) => count(cpu.instructions) },
  { head: 'Shadow tables', says: machine.shadowTables, figures: true, cell: (cpu) => count(cpu.shadow_tables) },
  { head: 'Their memory', says: machine.shadowMemory, figures: true, cell: (cpu) => <Size bytes={cpu.shadow_bytes} /> },
  { head: 'Decoded code', says: machine.code, figures: true, cell: (cpu) => <Size bytes={cpu.code_bytes} /> },
];

const Processors = ({ value }: { value: Statistics }) => (
  <section class="card" aria-labelledby="cpus-title">
    <h2 id="cpus-title">Processors</h2>
    <Table label={{ id: 'cpus-title' }} columns={processorColumns} rows={value.cpus} rowKey={(_, index) => index} />
  </section>
);

/** A newer host may count more, whose meaning is not known here. */
function CounterName({ of }: { of: string }) {
  const known = counters[of];
  return known ? <Term says={known[1]}>{known[0]}</Term> : <>{sentence(words(of))}</>;
}

/** Times are counted in nanoseconds. */
const shown = (name: string, value: number): string =>
  name.endsWith('_nanoseconds') ? `${(value / 1e9).toFixed(3)} s` : count(value);

/** What neither technique has counted is left out. */
function Counters({ value }: { value: Statistics }) {
  const known = Object.keys(counters);
  const names = [...new Set([...known, ...Object.keys(value.total)])].filter((name) => value.total[name]);
  const counted = (head: string, says: string, by: Record<string, number>): Column<string> => ({
    head,
    says,
    figures: true,
    cell: (name) => shown(name, by[name] ?? 0),
  });
  const columns = [
    { head: 'What', cell: (name: string) => <CounterName of={name} /> },
    counted('In software', machine.software, value.software),
    counted('In hardware', machine.hardware, value.hardware),
    counted('Together', machine.together, value.total),
  ];
  return (
    <section class="card" aria-labelledby="counters-title">
      <h2 id="counters-title">Counted since it was started</h2>
      <Table label={{ id: 'counters-title' }} columns={columns} rows={names} rowKey={(name) => name} />
    </section>
  );
}

/** The last one in words, if there is one. */
const badRequests = ({ bad_requests, last_bad }: Statistics['devices'][number]) =>
  last_bad ? <Term says={`The last one: ${last_bad}.`}>{count(bad_requests)}</Term> : count(bad_requests);

const deviceColumns: readonly Column<Statistics['devices'][number]>[] = [
  { head: 'Device', cell: (device) => device.name },
  { head: 'Accesses', says: machine.accesses, figures: true, cell: (device) => count(device.accesses) },
  { head: 'Notifications', says: machine.notifications, figures: true, cell: (device) => count(device.kicks) },
  { head: 'Interrupts', says: machine.interrupts, figures: true, cell: (device) => count(device.interrupts) },
  { head: 'Bad requests', says: machine.badRequests, figures: true, cell: badRequests },
];

const Devices = ({ value }: { value: Statistics }) => (
  <section class="card" aria-labelledby="devices-title">
    <h2 id="devices-title">Devices</h2>
    <Table label={{ id: 'devices-title' }} columns={deviceColumns} rows={value.devices} rowKey={(device) => device.name} />
  </section>
);
