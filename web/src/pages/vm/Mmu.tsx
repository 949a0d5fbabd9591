// How a VM's addresses are translated, why, and what that costs.

import type { Mmu as Technique, Statistics, Vm } from '../../api/schema.ts';
import { call } from '../../api/call.ts';
import { Size } from '../../parts/Size.tsx';
import { Empty, Failed } from '../../parts/Waiting.tsx';
import { count, sentence, words } from '../../format/text.ts';
import { reloadVms } from '../../state/host.ts';
import { useLoaded } from '../../state/loaded.ts';
import { attempt } from '../../state/notices.ts';

const PERIOD = 2000;

const techniques: readonly [Technique, string, string][] = [
  ['automatic', 'Automatic', 'Whichever costs less at present; changed while it runs.'],
  ['software', 'Software', 'Shadow page tables lead straight from guest addresses to frames.'],
  ['hardware', 'Hardware', 'Two stages are walked on each miss: the guest’s tables, then the pmap.'],
];

export function Mmu({ vm }: { vm: Vm }) {
  const choose = (mmu: Technique): void =>
    void attempt(async () => {
      await call('PATCH /v1/vms/{name}', { params: { name: vm.name }, body: { mmu } });
      reloadVms();
      return `The technique of ${vm.name} is ${mmu}.`;
    });
  return (
    <>
      <section class="card" aria-labelledby="mmu-title">
        <h2 id="mmu-title">Translation of addresses</h2>
        <fieldset class="choices">
          <legend class="unseen">Technique</legend>
          {techniques.map(([key, label, meaning]) => (
            <label key={key} class="choice">
              <input type="radio" name="mmu" value={key} checked={(vm.mmu ?? 'automatic') === key} onChange={() => choose(key)} />
              <span>
                <strong>{label}</strong>
                <span class="hint">{meaning}</span>
              </span>
            </label>
          ))}
        </fieldset>
      </section>
      {vm.power === 'running' ? <Counted name={vm.name} /> : <Empty>It does not run, so nothing is counted.</Empty>}
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

const Processors = ({ value }: { value: Statistics }) => (
  <section class="card" aria-labelledby="cpus-title">
    <h2 id="cpus-title">Processors</h2>
    <div class="scroll" tabIndex={0} role="group" aria-labelledby="cpus-title">
      <table>
        <thead>
          <tr>
            <th scope="col">vCPU</th>
            <th scope="col">Technique</th>
            <th scope="col" class="right">
              Instructions
            </th>
            <th scope="col" class="right">
              Shadow tables
            </th>
            <th scope="col" class="right">
              Their memory
            </th>
            <th scope="col" class="right">
              Decoded code
            </th>
          </tr>
        </thead>
        <tbody>
          {value.cpus.map((cpu, index) => (
            <tr key={index}>
              <th scope="row">{index}</th>
              <td>{cpu.technique}</td>
              <td class="right number">{count(cpu.instructions)}</td>
              <td class="right number">{count(cpu.shadow_tables)}</td>
              <td class="right">
                <Size bytes={cpu.shadow_bytes} />
              </td>
              <td class="right">
                <Size bytes={cpu.code_bytes} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  </section>
);

/** `tlb_hits` as `TLB hits`. */
const counterName = (name: string): string =>
  sentence(words(name.replace('_nanoseconds', '_time'))).replace(/\b(tlb|mmu)\b/i, (short) => short.toUpperCase());

/** Times are counted in nanoseconds. */
const shown = (name: string, value: number): string =>
  name.endsWith('_nanoseconds') ? `${(value / 1e9).toFixed(3)} s` : count(value);

/** What neither technique has counted is left out. */
function Counters({ value }: { value: Statistics }) {
  const names = Object.keys(value.total).filter((name) => value.total[name] !== 0);
  return (
    <section class="card" aria-labelledby="counters-title">
      <h2 id="counters-title">Counted since it was started</h2>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="counters-title">
        <table>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col" class="right">
                In software
              </th>
              <th scope="col" class="right">
                In hardware
              </th>
              <th scope="col" class="right">
                Together
              </th>
            </tr>
          </thead>
          <tbody>
            {names.map((name) => (
              <tr key={name}>
                <th scope="row">{counterName(name)}</th>
                {[value.software, value.hardware, value.total].map((counted, index) => (
                  <td key={index} class="right number">
                    {shown(name, counted[name] ?? 0)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

const Devices = ({ value }: { value: Statistics }) => (
  <section class="card" aria-labelledby="devices-title">
    <h2 id="devices-title">Devices</h2>
    <div class="scroll" tabIndex={0} role="group" aria-labelledby="devices-title">
      <table>
        <thead>
          <tr>
            <th scope="col">Device</th>
            <th scope="col" class="right">
              Accesses
            </th>
            <th scope="col" class="right">
              Notifications
            </th>
            <th scope="col" class="right">
              Interrupts
            </th>
            <th scope="col" class="right">
              Bad requests
            </th>
          </tr>
        </thead>
        <tbody>
          {value.devices.map((device) => (
            <tr key={device.name} title={device.last_bad ?? undefined}>
              <th scope="row">{device.name}</th>
              <td class="right number">{count(device.accesses)}</td>
              <td class="right number">{count(device.kicks)}</td>
              <td class="right number">{count(device.interrupts)}</td>
              <td class="right number">{count(device.bad_requests)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  </section>
);
