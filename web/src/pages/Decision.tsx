import type { Event } from '../api/schema.ts';
import { Size } from '../parts/Size.tsx';
import { Table, type Column } from '../parts/Table.tsx';
import { Term } from '../parts/Term.tsx';
import { counted, words } from '../format/text.ts';
import { plan } from '../words/figures.ts';
import { balloonUses, bounds, whys } from '../words/values.ts';

type Planned = Event & { event: 'planned' };

const columns: readonly Column<Planned['vms'][number]>[] = [
  { head: 'VM', cell: (vm) => vm.vm },
  { head: 'Consumed', says: plan.consumed, figures: true, cell: (vm) => <Size bytes={vm.consumed_bytes} /> },
  { head: 'Target', says: plan.target, figures: true, cell: (vm) => <Size bytes={vm.target_bytes} /> },
  { head: 'Decided by', says: plan.bound, cell: (vm) => <Term says={bounds[vm.bound]}>{words(vm.bound)}</Term> },
  { head: 'Active', says: plan.active, figures: true, cell: (vm) => <Size bytes={vm.active_bytes} /> },
  { head: 'Balloon to', says: plan.balloonTarget, figures: true, cell: (vm) => <Size bytes={vm.balloon_target_bytes} /> },
  { head: 'Balloon', says: plan.balloonUse, cell: (vm) => balloonUses[vm.balloon_use] },
  { head: 'Taken', says: plan.taken, figures: true, cell: (vm) => <Size bytes={vm.take_bytes} /> },
  { head: 'Because', says: plan.why, cell: (vm) => whys[vm.why] },
];

/** A plan's figures for each VM. */
export const Decision = ({ event }: { event: Planned }) => (
  <>
    <Table label={{ text: 'The plan, for each VM' }} columns={columns} rows={event.vms} rowKey={(vm) => vm.vm} />
    {event.plans > 1 && (
      <p class="hint">
        {event.plans} plans were made since the one told before, and the state changed {counted(event.state_changes, 'time')}.
      </p>
    )}
    {event.more_vms > 0 && <p class="hint">And {counted(event.more_vms, 'VM')} more.</p>}
  </>
);
