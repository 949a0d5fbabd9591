import type { HostStatus } from '../../api/schema.ts';
import { Size } from '../../parts/Size.tsx';
import { rate } from '../../format/size.ts';
import { percent } from '../../format/text.ts';

/** What the VMs do together. */
export function HostFigures({ status }: { status: HostStatus }) {
  const { sums } = status;
  const promised = status.vms.reduce((sum, vm) => sum + vm.size_bytes, 0);
  return (
    <dl class="facts">
      <Fact name="Total" title="All machine memory">
        <Size bytes={status.ledger.total_bytes} />
      </Fact>
      <Fact name="Promised" title="The sizes of running VMs together">
        <Size bytes={promised} />
      </Fact>
      <Fact name="Overcommitted" title="What running VMs were promised beyond what there is, as a part of that">
        {status.overcommitment > 0 ? percent(status.overcommitment) : 'no'}
      </Fact>
      <Fact name="Active" title="Pages in use lately">
        <Size bytes={sums.active_bytes} />
      </Fact>
      <Fact name="Saved by sharing" title="Pages shared, less the frames that hold them">
        <Size bytes={Math.max(0, sums.shared_bytes - sums.shared_common_bytes)} />
      </Fact>
      <Fact name="Ballooned" title="Pages in balloons">
        <Size bytes={sums.ballooned_bytes} />
      </Fact>
      <Fact name="Compressed" title="Pages in the zip store">
        <Size bytes={sums.compressed_bytes} />
      </Fact>
      <Fact name="Swapped" title="Pages in swap files">
        <Size bytes={sums.swapped_bytes} />
      </Fact>
      <Fact name="Swap in / out" title="Read from and written to swap files">
        <span class="number">
          {rate(sums.swap_in_bytes_per_second)} / {rate(sums.swap_out_bytes_per_second)}
        </span>
      </Fact>
      <Fact name="Reserved" title="Guaranteed to running VMs and to resource pools, overhead included">
        <Size bytes={status.reserved_bytes} />
      </Fact>
      <Fact name="Unreserved" title="Could still be guaranteed">
        <Size bytes={status.unreserved_bytes} />
      </Fact>
    </dl>
  );
}

const Fact = ({ name, title, children }: { name: string; title: string; children: preact.ComponentChildren }) => (
  <div>
    <dt title={title}>{name}</dt>
    <dd>{children}</dd>
  </div>
);
