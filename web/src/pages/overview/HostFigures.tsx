import type { HostStatus } from '../../api/schema.ts';
import { Fact, Facts, SizeFact } from '../../parts/Facts.tsx';
import { exact, rate, size } from '../../format/size.ts';
import { percent } from '../../format/text.ts';
import { activeOf, promised } from '../../state/composition.ts';
import { host } from '../../words/figures.ts';

export function HostFigures({ status }: { status: HostStatus }) {
  const { sums } = status;
  const active = activeOf(status);
  return (
    <Facts>
      <SizeFact name="Total" says={host.total} bytes={status.ledger.total_bytes} />
      <SizeFact name="Beside the pool" says={host.besidePool} bytes={status.ledger.beside_pool_bytes} />
      <SizeFact name="Deficit" says={host.deficit} bytes={status.ledger.deficit_bytes} />
      <SizeFact name="Promised" says={host.promised} bytes={promised(status)} />
      <Fact name="Overcommitted" says={host.overcommitted}>
        {status.overcommitment > 0 ? percent(status.overcommitment) : 'no'}
      </Fact>
      <Fact name="Active" says={active.missing > 0 ? `${host.active} ${host.notSampled(active.missing)}` : `${host.active}\n${exact(active.bytes)}`}>
        <span class="number">
          {active.missing > 0 && '≥ '}
          {size(active.bytes)}
        </span>
      </Fact>
      <SizeFact name="Saved by sharing" says={host.saved} bytes={Math.max(0, sums.shared_bytes - sums.shared_common_bytes)} />
      <SizeFact name="Ballooned" says={host.ballooned} bytes={sums.ballooned_bytes} />
      <SizeFact name="Compressed" says={host.compressed} bytes={sums.compressed_bytes} />
      <SizeFact name="Swapped" says={host.swapped} bytes={sums.swapped_bytes} />
      <Fact name="Swapped in" says={host.swapIn}>
        <span class="number">{rate(sums.swap_in_bytes_per_second)}</span>
      </Fact>
      <Fact name="Swapped out" says={host.swapOut}>
        <span class="number">{rate(sums.swap_out_bytes_per_second)}</span>
      </Fact>
      <SizeFact name="Reserved" says={host.reserved} bytes={status.reserved_bytes} />
      <SizeFact name="Unreserved" says={host.unreserved} bytes={status.unreserved_bytes} />
    </Facts>
  );
}
