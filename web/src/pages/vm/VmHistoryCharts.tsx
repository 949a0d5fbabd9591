import { Chart } from '../../charts/Chart.tsx';
import { Range, shownSeconds } from '../../charts/Range.tsx';
import { rate, size } from '../../format/size.ts';
import { pageStates } from '../../state/composition.ts';
import { historyOf, sampled } from '../../state/host.ts';
import { vm as meanings } from '../../words/figures.ts';
import { pages as pageMeanings } from '../../words/values.ts';
import { moved, type Drawn } from '../overview/HostHistory.tsx';

const held: Drawn[] = [
  ['consumed_bytes', 'Consumed', '--line-1', meanings.consumed],
  ['entitlement_bytes', 'Entitled', '--line-2', meanings.entitlement],
  ['active_bytes', 'Active', '--line-3', meanings.active],
];

export function VmHistoryCharts({ id }: { id: number }) {
  // Read, so that each sample draws anew.
  void sampled.value;
  const history = historyOf(id);
  const seconds = shownSeconds.value;
  const times = history.times(seconds);
  const lines = (figures: Drawn[]) =>
    figures.map(([key, label, colour, says]) => ({ key, label, colour, says, values: history.values(key, seconds) }));
  const pages = pageStates.map(([state, label]) => ({
    key: state,
    label,
    colour: `--page-${state}`,
    says: pageMeanings[state],
    values: history.values(state, seconds),
  }));
  return (
    <section class="card" aria-labelledby="vm-history-title">
      <header class="chart-head">
        <h2 id="vm-history-title">History</h2>
        <Range />
      </header>
      <div class="charts">
        <Chart title="Pages" times={times} lines={[...pages].reverse()} stacked format={size} linked="vm" />
        <Chart title="Held and entitled" times={times} lines={lines(held)} format={size} linked="vm" />
        <Chart title="Moved per second" times={times} lines={lines(moved)} format={rate} linked="vm" />
      </div>
    </section>
  );
}
