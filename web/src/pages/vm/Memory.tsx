// A VM's memory from both sides, what its pages are, how that went, and why.

import type { Vm, VmStatus } from '../../api/schema.ts';
import { CompositionBar } from '../../charts/Bar.tsx';
import { Size } from '../../parts/Size.tsx';
import { Empty } from '../../parts/Waiting.tsx';
import { duration, percent, words } from '../../format/text.ts';
import { pageParts, pagesOf } from '../../state/composition.ts';
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
      <div class="card">
        <CompositionBar title="What its pages are" parts={pageParts(pagesOf(memory))} />
      </div>
      <VmHistoryCharts id={memory.id} />
      <Explanation name={vm.name} />
    </>
  );
}

const Stopped = ({ vm }: { vm: Vm }) => (
  <section class="card">
    <h2>It does not run</h2>
    <Empty>
      {vm.name} has {vm.cpus === 1 ? 'a processor' : `${vm.cpus} processors`} and <Size bytes={vm.memory_bytes} /> of memory, and takes no machine
      memory while it is stopped. Figures come once it is started.
    </Empty>
  </section>
);

interface FactProps {
  name: string;
  title: string;
  children: preact.ComponentChildren;
}

const Fact = ({ name, title, children }: FactProps) => (
  <div>
    <dt title={title}>{name}</dt>
    <dd>{children}</dd>
  </div>
);

function GuestView({ vm, memory }: { vm: Vm; memory: VmStatus }) {
  const used = memory.guest_available_bytes === null ? null : memory.size_bytes - memory.guest_available_bytes;
  return (
    <section class="card" aria-labelledby="guest-title">
      <h2 id="guest-title">What the guest sees</h2>
      <p class="figure">
        <Size bytes={memory.size_bytes} /> <span class="unit">of memory</span>
      </p>
      <dl class="facts">
        <Fact name="In use" title="What the guest says it could not give up; its balloon driver tells">
          <Size bytes={used} none="not told" />
        </Fact>
        <Fact name="Available" title="What the guest could use without swapping, as it says">
          <Size bytes={memory.guest_available_bytes} none="not told" />
        </Fact>
        <Fact name="Free" title="What the guest has no use for, as it says">
          <Size bytes={memory.guest_free_bytes} none="not told" />
        </Fact>
        <Fact name="Active" title="Pages in use lately, measured by the host on a sample">
          <Size bytes={memory.active_bytes} />
        </Fact>
        <Fact name="Processors" title="vCPUs">
          {vm.cpus}
        </Fact>
        <Fact name="Running for" title="Since it was started">
          {duration(memory.uptime_seconds)}
        </Fact>
        <Fact name="Waiting for memory" title="The part of its processors’ time spent waiting for decompression, swap-in or a frame">
          {percent(memory.latency + memory.waiting)}
        </Fact>
      </dl>
    </section>
  );
}

function HostView({ memory }: { memory: VmStatus }) {
  const saved = Math.max(0, memory.shared_bytes - memory.shared_common_bytes) + memory.zip_saved_bytes;
  return (
    <section class="card" aria-labelledby="host-title">
      <h2 id="host-title">What the host sees</h2>
      <p class="figure">
        <Size bytes={memory.consumed_bytes} /> <span class="unit">of machine memory</span>
      </p>
      <dl class="facts">
        <Fact name="Entitled to" title="What it should hold at most when memory is short">
          <Size bytes={memory.entitlement_bytes} />
        </Fact>
        <Fact name="Decided by" title="What decided that">
          {memory.bound ? words(memory.bound) : 'not yet planned'}
        </Fact>
        <Fact name="In the worst case" title="What it would have if all VMs used their whole size">
          <Size bytes={memory.worst_case_bytes} />
        </Fact>
        <Fact name="Saved" title="By sharing and compressing">
          <Size bytes={saved} />
        </Fact>
        <Fact name="Balloon, asked for" title="What its balloon is asked to hold">
          <Size bytes={memory.balloon_target_bytes} />
        </Fact>
        <Fact name="Balloon driver" title="How it conducts itself">
          {words(memory.balloon_conduct)}
        </Fact>
        <Fact name="Overhead" title="What it costs beyond its guest’s memory">
          <Size bytes={memory.overhead_bytes} />
        </Fact>
      </dl>
    </section>
  );
}
