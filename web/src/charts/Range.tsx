import { signal } from '@preact/signals';
import { Segments } from '../parts/Segments.tsx';

/** How much of the history all charts show, in seconds. */
export const shownSeconds = signal<number>(300);

const ranges = [
  [60, '1 min'],
  [300, '5 min'],
  [900, '15 min'],
] as const;

export const Range = () => (
  <Segments
    legend="How much history the charts show"
    name="range"
    options={ranges}
    value={shownSeconds.value}
    change={(seconds) => (shownSeconds.value = seconds)}
  />
);
