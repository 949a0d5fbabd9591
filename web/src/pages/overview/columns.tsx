// The columns of the table of VMs, and its order.

import type { ComponentChildren } from 'preact';
import type { Metrics, Vm } from '../../api/schema.ts';
import { Stacked } from '../../charts/Bar.tsx';
import { Sparkline } from '../../charts/Sparkline.tsx';
import { size } from '../../format/size.ts';
import { percent } from '../../format/text.ts';
import { SeverityMark } from '../../parts/AlarmMarks.tsx';
import { Size } from '../../parts/Size.tsx';
import { PowerPill } from '../../parts/State.tsx';
import { isSampled, pageParts, pagesOf, type Part } from '../../state/composition.ts';
import { historyOf } from '../../state/host.ts';
import { vm as says } from '../../words/figures.ts';

export interface Column {
  key: string;
  label: string;
  says: string;
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

const figure = (key: string, label: string, says: string, value: (vm: Vm) => number | null): Column => ({
  key,
  label,
  says,
  figure: true,
  value,
  show: (vm) => <Size bytes={value(vm)} />,
});

const metric = (key: keyof Metrics, label: string, says: string): Column => figure(key, label, says, ({ memory }) => memory?.[key] ?? null);

const reclaimed = ({ memory }: Vm): number | null => memory && memory.ballooned_bytes + memory.compressed_bytes + memory.swapped_bytes;

const inWords = (parts: readonly Part[]): string =>
  parts
    .filter(({ bytes }) => bytes > 0)
    .map(({ label, bytes }) => `${label} ${size(bytes)}`)
    .join(', ');

function Pages({ vm: { memory, memory_bytes } }: { vm: Vm }) {
  if (!memory) return null;
  const parts = pageParts(pagesOf(memory));
  return (
    <>
      <Stacked small parts={parts} total={memory_bytes} />
      <span class="unseen">{inWords(parts)}</span>
    </>
  );
}

/** A VM that is slowed says so, and not by colour alone. */
const Waiting = ({ vm: { memory } }: { vm: Vm }) =>
  memory ? (
    <span class={memory.slowed ? 'slowed' : ''}>
      {memory.slowed && <SeverityMark severity="warning" label="slowed" />} {percent(memory.latency + memory.waiting)}
    </span>
  ) : (
    <span class="none">–</span>
  );

export const columns: readonly Column[] = [
  { key: 'name', label: 'Name', says: says.name, figure: false, value: (vm) => vm.name, show: (vm) => vm.name },
  { key: 'power', label: 'Power', says: says.power, figure: false, value: (vm) => vm.power, show: (vm) => <PowerPill power={vm.power} /> },
  { key: 'pages', label: 'Pages', says: says.pages, figure: false, value: reclaimed, show: (vm) => <Pages vm={vm} /> },
  figure('memory_bytes', 'Size', says.size, (vm) => vm.memory_bytes),
  metric('consumed_bytes', 'Consumed', says.consumed),
  {
    key: 'trend',
    label: 'Trend',
    says: says.trend,
    figure: false,
    value: (vm) => vm.memory?.consumed_bytes ?? null,
    show: ({ memory }) => memory && <Sparkline values={historyOf(memory.id).values('consumed_bytes', TREND)} />,
  },
  metric('entitlement_bytes', 'Entitled', says.entitlement),
  figure('active_bytes', 'Active', says.active, ({ memory }) => (memory && isSampled(memory) ? memory.active_bytes : null)),
  figure('reclaimed', 'Reclaimed', says.reclaimed, reclaimed),
  metric('ballooned_bytes', 'Ballooned', says.ballooned),
  metric('compressed_bytes', 'Compressed', says.compressed),
  metric('swapped_bytes', 'Swapped', says.swapped),
  metric('shared_bytes', 'Shared', says.shared),
  metric('overhead_bytes', 'Overhead', says.overhead),
  figure('reservation_bytes', 'Reservation', says.reservation, (vm) => vm.reservation_bytes ?? 0),
  {
    ...figure('limit_bytes', 'Limit', says.limit, (vm) => vm.limit_bytes ?? null),
    show: (vm) => <Size bytes={vm.limit_bytes} none="none" />,
  },
  {
    key: 'waiting',
    label: 'Waiting',
    says: says.waiting,
    figure: true,
    value: (vm) => vm.memory && vm.memory.latency + vm.memory.waiting,
    show: (vm) => <Waiting vm={vm} />,
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
