// The columns of the table of VMs, and its order.

import type { ComponentChildren } from 'preact';
import type { Metrics, Vm } from '../../api/schema.ts';
import { Stacked } from '../../charts/Bar.tsx';
import { Sparkline } from '../../charts/Sparkline.tsx';
import { percent } from '../../format/text.ts';
import { Size } from '../../parts/Size.tsx';
import { PowerPill } from '../../parts/State.tsx';
import { pageParts, pagesOf } from '../../state/composition.ts';
import { historyOf } from '../../state/host.ts';

export interface Column {
  key: string;
  label: string;
  title: string;
  /** Right-aligned, and sorted from the largest down at first. */
  figure: boolean;
  value: (vm: Vm) => number | string | null;
  show: (vm: Vm) => ComponentChildren;
}

/** Seconds of the trend. */
const TREND = 120;

export interface Order {
  by: string;
  down: boolean;
}

const sizes = (key: keyof Metrics, label: string, title: string): Column => ({
  key,
  label,
  title,
  figure: true,
  value: (vm) => vm.memory?.[key] ?? null,
  show: (vm) => <Size bytes={vm.memory?.[key]} />,
});

/** The part of what a VM was promised that it does not hold. */
const reclaimed = (vm: Vm): number | null =>
  vm.memory && vm.memory.ballooned_bytes + vm.memory.compressed_bytes + vm.memory.swapped_bytes;

export const columns: readonly Column[] = [
  { key: 'name', label: 'Name', title: 'The VM', figure: false, value: (vm) => vm.name, show: (vm) => vm.name },
  {
    key: 'power',
    label: 'Power',
    title: 'Whether it runs',
    figure: false,
    value: (vm) => vm.power,
    show: (vm) => <PowerPill power={vm.power} />,
  },
  {
    key: 'pages',
    label: 'Pages',
    title: 'What its pages are; sorted by what is reclaimed of them',
    figure: false,
    value: reclaimed,
    show: ({ memory, memory_bytes }) =>
      memory && <Stacked small parts={pageParts(pagesOf(memory))} total={memory_bytes} />,
  },
  {
    key: 'size',
    label: 'Size',
    title: 'Memory the guest sees',
    figure: true,
    value: (vm) => vm.memory_bytes,
    show: (vm) => <Size bytes={vm.memory_bytes} />,
  },
  sizes('consumed_bytes', 'Consumed', 'Machine memory it takes'),
  {
    key: 'trend',
    label: 'Trend',
    title: 'What it consumed in the last two minutes; sorted by that',
    figure: false,
    value: (vm) => vm.memory?.consumed_bytes ?? null,
    show: ({ memory }) => memory && <Sparkline values={historyOf(memory.id).values('consumed_bytes', TREND)} />,
  },
  sizes('entitlement_bytes', 'Entitled', 'What it should hold at most when memory is short'),
  sizes('active_bytes', 'Active', 'Pages in use lately'),
  sizes('shared_bytes', 'Shared', 'Pages shared, zero pages among them'),
  sizes('ballooned_bytes', 'Ballooned', 'Pages in the balloon'),
  sizes('compressed_bytes', 'Compressed', 'Pages compressed'),
  sizes('swapped_bytes', 'Swapped', 'Pages swapped'),
  {
    key: 'waiting',
    label: 'Waiting',
    title: 'The part of its time spent waiting for memory',
    figure: true,
    value: (vm) => vm.memory && vm.memory.latency + vm.memory.waiting,
    show: (vm) => (vm.memory ? percent(vm.memory.latency + vm.memory.waiting) : '–'),
  },
];

/** What has no value comes last, whichever way. Equal ones are in order of name. */
export function sorted(vms: readonly Vm[], order: Order): Vm[] {
  const value = columns.find((column) => column.key === order.by)?.value ?? ((vm: Vm) => vm.name);
  return [...vms].sort((a, b) => {
    const [one, other] = [value(a), value(b)];
    if (one === other) return a.name.localeCompare(b.name, 'en', { numeric: true });
    if (one === null) return 1;
    if (other === null) return -1;
    const rising =
      typeof one === 'string' ? one.localeCompare(String(other), 'en', { numeric: true }) : one - Number(other);
    return order.down ? -rising : rising;
  });
}
