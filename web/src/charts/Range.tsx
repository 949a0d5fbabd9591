import { signal } from '@preact/signals';

/** How much of the history all charts show, in seconds. */
export const shownSeconds = signal(300);

const ranges = [
  [60, '1 min'],
  [300, '5 min'],
  [900, '15 min'],
] as const;

export const Range = () => (
  <fieldset class="range">
    <legend class="unseen">How much history the charts show</legend>
    {ranges.map(([seconds, label]) => (
      <label key={seconds}>
        <input type="radio" name="range" checked={shownSeconds.value === seconds} onChange={() => (shownSeconds.value = seconds)} />
        <span>{label}</span>
      </label>
    ))}
  </fieldset>
);
