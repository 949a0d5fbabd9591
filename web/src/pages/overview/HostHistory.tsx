import { Chart } from '../../charts/Chart.tsx';
import { Range, shownSeconds } from '../../charts/Range.tsx';
import { rate, size } from '../../format/size.ts';
import { machineUses } from '../../state/composition.ts';
import { hostHistory, sampled, type Figure } from '../../state/host.ts';

const demands: [Figure, string, string][] = [
  ['consumed_bytes', 'Consumed', '--line-1'],
  ['entitlement_bytes', 'Entitled to', '--line-2'],
  ['active_bytes', 'Active', '--line-3'],
];

export const moved: [Figure, string, string][] = [
  ['compressed_bytes_per_second', 'Compressed', '--line-1'],
  ['decompressed_bytes_per_second', 'Decompressed', '--line-2'],
  ['swap_out_bytes_per_second', 'Swapped out', '--line-3'],
  ['swap_in_bytes_per_second', 'Swapped in', '--line-4'],
];

export function HostHistory() {
  // Read, so that each sample draws anew.
  void sampled.value;
  const seconds = shownSeconds.value;
  const times = hostHistory.times(seconds);
  const lines = (figures: [Figure, string, string][]) =>
    figures.map(([key, label, colour]) => ({ key, label, colour, values: hostHistory.values(key, seconds) }));
  const uses = machineUses.map(([use, label]) => ({
    key: use,
    label,
    colour: `--page-${use}`,
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
        <Chart title="Held and wanted" times={times} lines={lines(demands)} format={size} linked="host" />
        <Chart title="Moved per second" times={times} lines={lines(moved)} format={rate} linked="host" />
      </div>
    </section>
  );
}
