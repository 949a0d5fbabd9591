import { Chart } from '../../charts/Chart.tsx';
import { Range, shownSeconds } from '../../charts/Range.tsx';
import { rate, size } from '../../format/size.ts';
import { machineUses } from '../../state/composition.ts';
import { hostHistory, sampled, type Figure } from '../../state/host.ts';
import { host, moved as movedMeanings } from '../../words/figures.ts';
import { uses as useMeanings } from '../../words/values.ts';

/** A line of a chart, before its values are known. */
export type Drawn = readonly [figure: Figure, label: string, colour: string, says: string];

const demands: Drawn[] = [
  ['consumed_bytes', 'Consumed', '--line-1', host.consumed],
  ['entitlement_bytes', 'Entitled', '--line-2', host.entitlement],
  ['active_bytes', 'Active', '--line-3', host.active],
];

export const moved: Drawn[] = [
  ['compressed_bytes_per_second', 'Compressed', '--line-1', movedMeanings.compressed],
  ['decompressed_bytes_per_second', 'Decompressed', '--line-2', movedMeanings.decompressed],
  ['swap_out_bytes_per_second', 'Swapped out', '--line-3', movedMeanings.swappedOut],
  ['swap_in_bytes_per_second', 'Swapped in', '--line-4', movedMeanings.swappedIn],
];

export function HostHistory() {
  // Read, so that each sample draws anew.
  void sampled.value;
  const seconds = shownSeconds.value;
  const times = hostHistory.times(seconds);
  const lines = (figures: Drawn[]) =>
    figures.map(([key, label, colour, says]) => ({ key, label, colour, says, values: hostHistory.values(key, seconds) }));
  const uses = machineUses.map(([use, label]) => ({
    key: use,
    label,
    colour: `--page-${use}`,
    says: useMeanings[use],
    values: hostHistory.values(`machine_${use}`, seconds),
  }));
  return (
    <section class="card" aria-labelledby="history-title">
      <header class="chart-head">
        <h2 id="history-title">History</h2>
        <Range />
      </header>
      <div class="charts">
        <Chart title="Machine memory" times={times} lines={[...uses].reverse()} stacked format={size} linked="host" />
        <Chart title="Held and entitled" times={times} lines={lines(demands)} format={size} linked="host" />
        <Chart title="Moved per second" times={times} lines={lines(moved)} format={rate} linked="host" />
      </div>
    </section>
  );
}
