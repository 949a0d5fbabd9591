// The host at a glance: how short it is, what its memory is used for, and its VMs.

import type { FileTrouble, MemoryLimit } from '../../api/schema.ts';
import { size } from '../../format/size.ts';
import { model } from '../../state/host.ts';
import { HostStateCard } from './HostStateCard.tsx';
import { HostHistory } from './HostHistory.tsx';
import { HostFigures } from './HostFigures.tsx';
import { Lately } from './Lately.tsx';
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
      <Standstill seconds={status.memory_loop.standstill_seconds} />
      <LowLimit limit={status.memory_limit} />
      <FileTroubles troubles={status.file_troubles ?? []} />
      <div class="columns">
        <HostStateCard status={status} />
        <div class="card">
          <CompositionBar title="Machine memory" parts={machineParts(usesOf(status.ledger))} />
          <HostFigures status={status} />
        </div>
      </div>
      <VmTable vms={known.vms} />
      <Lately />
      <HostHistory />
    </>
  );
}

const Standstill = ({ seconds }: { seconds: number }) =>
  seconds > 0 ? (
    <div class="banner bad" role="alert">
      <strong>Memory stands still.</strong> None has been free for {seconds} s, and none comes free: VMs wait. Look at which swap files fail, or
      stop a VM.
    </div>
  ) : null;

/** A control group that allows the host less than it was told to take. */
const LowLimit = ({ limit }: { limit: MemoryLimit | null }) =>
  limit ? (
    <div class="banner bad" role="alert">
      <strong>The control group is too small.</strong> {limit.control_group} allows {size(limit.limit_bytes)}, and the host needs{' '}
      {size(limit.needed_bytes)}: VMs give up {size(limit.lacks_bytes)}.
    </div>
  ) : null;

/** Files of the host's that cannot be read, or written yet. */
const FileTroubles = ({ troubles }: { troubles: readonly FileTrouble[] }) =>
  troubles.length > 0 ? (
    <ul class={`banner troubles ${troubles.some(({ state }) => state === 'unwritten') ? 'bad' : ''}`} aria-label="The host’s own files">
      {troubles.map(({ file, state, why }) => (
        <li key={file}>
          <span class="note" aria-hidden="true" />
          <span>
            <strong>{file}</strong> {state === 'unwritten' ? 'cannot be written yet' : 'cannot be read, and is left as it is'}: {why}
          </span>
        </li>
      ))}
    </ul>
  ) : null;
