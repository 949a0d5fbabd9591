import type { Event } from '../api/schema.ts';
import { Size } from '../parts/Size.tsx';
import { Table, type Column } from '../parts/Table.tsx';
import { words } from '../format/text.ts';

type Planned = Event & { event: 'planned' };

const columns: readonly Column<Planned['vms'][number]>[] = [
  { head: 'VM', cell: (vm) => vm.vm },
  { head: 'Consumed', figures: true, cell: (vm) => <Size bytes={vm.consumed_bytes} /> },
  { head: 'Target', figures: true, cell: (vm) => <Size bytes={vm.target_bytes} /> },
  { head: 'Decided by', cell: (vm) => words(vm.bound) },
  { head: 'Active', figures: true, cell: (vm) => <Size bytes={vm.active_bytes} /> },
  { head: 'Balloon to', figures: true, cell: (vm) => <Size bytes={vm.balloon_target_bytes} /> },
  { head: 'Balloon', cell: (vm) => words(vm.balloon_use) },
  { head: 'Taken', figures: true, cell: (vm) => <Size bytes={vm.take_bytes} /> },
  { head: 'Because', cell: (vm) => words(vm.why) },
];

/** A plan's figures for each VM. */
export const Decision = ({ event }: { event: Planned }) => (
  <>
    <Table label={{ text: 'The plan, for each VM' }} columns={columns} rows={event.vms} rowKey={(vm) => vm.vm} />
    {event.more_vms > 0 && <p class="hint">And {event.more_vms} VMs more.</p>}
  </>
);
