// The host at a glance: how short it is, what its memory is used for, and its VMs.

import { model } from '../../state/host.ts';
import { HostStateCard } from './HostStateCard.tsx';
import { HostHistory } from './HostHistory.tsx';
import { HostFigures } from './HostFigures.tsx';
import { VmTable } from './VmTable.tsx';
import { CompositionBar } from '../../charts/Bar.tsx';
import { machineParts, usesOf } from '../../state/composition.ts';

export function Overview() {
  const known = model.value;
  if (!known) return null;
  const { status } = known;
  return (
    <>
      <h1 class="unseen">Overview</h1>
      <div class="columns">
        <HostStateCard status={status} />
        <div class="card">
          <CompositionBar title="Machine memory" parts={machineParts(usesOf(status.ledger))} />
          <HostFigures status={status} />
        </div>
      </div>
      <VmTable vms={known.vms} />
      <HostHistory />
    </>
  );
}
