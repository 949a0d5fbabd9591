import { sparkline, type Column } from './data.ts';

const WIDTH = 44;
const HEIGHT = 22;

/** A trend beside its figure; says nothing to a screen reader that the figure does not. */
export const Sparkline = ({ values }: { values: Column }) => (
  <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
    <path d={sparkline(values, WIDTH, HEIGHT)} />
  </svg>
);
