// A VM's memory from both sides, what its pages are, how that went, and why.

import type { Vm, VmStatus } from '../../api/schema.ts';
import { call } from '../../api/call.ts';
import { CompositionBar } from '../../charts/Bar.tsx';
import { Fact, Facts, SizeFact } from '../../parts/Facts.tsx';
import { Size } from '../../parts/Size.tsx';
import { Term } from '../../parts/Term.tsx';
import { Empty } from '../../parts/Waiting.tsx';
import { count, duration, percent, words } from '../../format/text.ts';
import { isSampled, pageParts, pagesOf } from '../../state/composition.ts';
import { useLoaded } from '../../state/loaded.ts';
import { link } from '../../state/route.ts';
import { vm as says } from '../../words/figures.ts';
import { agents, bounds, conducts, guests } from '../../words/values.ts';
import { Explanation } from './Explanation.tsx';
import { VmHistoryCharts } from './VmHistoryCharts.tsx';

export function Memory({ vm }: { vm: Vm }) {
  const { memory } = vm;
  if (!memory) return <Stopped vm={vm} />;
  return (
    <>
      <div class="columns even">
        <GuestView vm={vm} memory={memory} />
        <HostView memory={memory} />
      </div>
      <Claim vm={vm} />
      <div class="card">
        <CompositionBar title="What its pages are" parts={pageParts(pagesOf(memory))} />
      </div>
      <VmHistoryCharts id={memory.id} />
      <Explanation name={vm.name} />
    </>
  );
}

const Stopped = ({ vm }: { vm: Vm }) => (
  <>
    <section class="card">
      <h2>It does not run</h2>
      <Empty>
        {vm.name} has {vm.cpus === 1 ? 'a processor' : `${vm.cpus} processors`} and <Size bytes={vm.memory_bytes} /> of memory, and takes no machine
        memory while it is stopped. Figures come once it is started.
      </Empty>
    </section>
    <Claim vm={vm} />
  </>
);

function GuestView({ vm, memory }: { vm: Vm; memory: VmStatus }) {
  const used = memory.guest_available_bytes === null ? null : memory.size_bytes - memory.guest_available_bytes;
  return (
    <section class="card" aria-labelledby="guest-title">
      <h2 id="guest-title">What the guest sees</h2>
      <p class="figure">
        <Size bytes={memory.size_bytes} />{' '}
        <span class="unit">
          <Term says={says.size}>of memory</Term>
        </span>
      </p>
      <Facts>
        <SizeFact name="In use" says={says.used} bytes={used} none="not told" />
        <SizeFact name="Available" says={says.available} bytes={memory.guest_available_bytes} none="not told" />
        <SizeFact name="Free" says={says.free} bytes={memory.guest_free_bytes} none="not told" />
        {isSampled(memory) ? (
          <SizeFact name="Active" says={says.active} bytes={memory.active_bytes} />
        ) : (
          <SizeFact name="Active" says={`${says.active} ${says.notSampled}`} bytes={null} none="not measured yet" />
        )}
        <Fact name="Processors" says={says.cpus}>
          {vm.cpus}
        </Fact>
        <Fact name="Running for" says={says.uptime}>
          {duration(memory.uptime_seconds)}
        </Fact>
        <Fact name="Waiting for memory" says={says.waiting}>
          <span class={memory.slowed ? 'slowed' : ''}>
            {percent(memory.latency + memory.waiting)}
            {memory.slowed && ', slowed'}
          </span>
        </Fact>
        <Fact name="Guest" says={says.guest}>
          <Term says={guests[memory.guest]}>
            <span class={memory.guest === 'silent' || memory.guest === 'panicked' ? 'slowed' : ''}>{memory.guest}</span>
          </Term>
        </Fact>
        <Fact name="Programs killed" says={says.oomKills}>
          {memory.guest_oom_kills === null ? <span class="none">not told</span> : count(memory.guest_oom_kills)}
        </Fact>
        <Fact name="Agent" says={says.agent}>
          <Agent name={vm.name} />
        </Fact>
      </Facts>
    </section>
  );
}

const PERIOD = 5000;

/** The stream does not tell when an agent comes or goes. */
function Agent({ name }: { name: string }) {
  const { value } = useLoaded(name, async (signal) => (await call('GET /v1/vms/{name}', { params: { name }, signal })).answer, PERIOD);
  if (!value) return <span class="none">–</span>;
  const [word, meaning] = agents[value.agent_answers === null ? 'unknown' : value.agent_answers ? 'yes' : 'no'];
  return <Term says={meaning}>{word}</Term>;
}

function HostView({ memory }: { memory: VmStatus }) {
  const saved = Math.max(0, memory.shared_bytes - memory.shared_common_bytes) + memory.zip_saved_bytes;
  return (
    <section class="card" aria-labelledby="host-title">
      <h2 id="host-title">What the host sees</h2>
      <p class="figure">
        <Size bytes={memory.consumed_bytes} />{' '}
        <span class="unit">
          <Term says={says.consumed}>consumed</Term>
        </span>
      </p>
      <Facts>
        <SizeFact name="Entitled to" says={says.entitlement} bytes={memory.entitlement_bytes} />
        <Fact name="Decided by" says={says.bound}>
          {memory.bound ? <Term says={bounds[memory.bound]}>{words(memory.bound)}</Term> : <span class="none">not planned yet</span>}
        </Fact>
        <SizeFact name="In the worst case" says={says.worstCase} bytes={memory.worst_case_bytes} />
        <SizeFact name="Saved" says={says.saved} bytes={saved} />
        <SizeFact name="Balloon asked for" says={says.balloonTarget} bytes={memory.balloon_target_bytes} />
        <SizeFact name="Swapped, at most" says={says.swapTarget} bytes={memory.swap_target_bytes} />
        <Fact name="Balloon driver" says={says.conduct}>
          <Term says={conducts[memory.balloon_conduct]}>{words(memory.balloon_conduct)}</Term>
        </Fact>
        <SizeFact name="Overhead" says={says.overhead} bytes={memory.overhead_bytes} />
        <Fact name="Time of its devices" says={says.deviceTime}>
          {memory.totals.worker_seconds.toFixed(1)} s
        </Fact>
      </Facts>
    </section>
  );
}

/** What it is guaranteed and allowed; edited elsewhere. */
function Claim({ vm }: { vm: Vm }) {
  const { shares = 'normal', memory } = vm;
  const number = typeof shares === 'number' ? shares : memory?.shares;
  return (
    <section class="card" aria-labelledby="claim-title">
      <header class="chart-head">
        <h2 id="claim-title">Its claim on machine memory</h2>
        <a href={link('vms', vm.name, 'allocation')}>Allocation</a>
      </header>
      <Facts>
        <SizeFact name="Reservation" says={says.reservation} bytes={vm.reservation_bytes ?? 0} />
        <SizeFact name="Limit" says={says.limit} bytes={vm.limit_bytes} none="none" />
        <Fact name="Shares" says={says.shares}>
          {typeof shares === 'number' ? '' : shares}
          {number !== undefined && <span class="number"> {typeof shares === 'number' ? count(number) : `(${count(number)})`}</span>}
        </Fact>
        <Fact name="Resource pool" says={says.pool}>
          {vm.pool ? <a href={link('pools')}>{vm.pool}</a> : 'the host itself'}
        </Fact>
      </Facts>
    </section>
  );
}
