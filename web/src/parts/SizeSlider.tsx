// A size that is set: by sliding, or typed with its unit.

import { useEffect, useId, useState } from 'preact/hooks';
import { parseSize, size } from '../format/size.ts';

interface Props {
  label: string;
  meaning: string;
  bytes: number;
  most: number;
  change: (bytes: number) => void;
  disabled?: boolean;
}

/** Steps of a slider: as fine as a hand is, in whole MiB. */
const stepOf = (most: number): number => Math.max(2 ** 20, 2 ** Math.floor(Math.log2(most / 256)));

export function SizeSlider({ label, meaning, bytes, most, change, disabled = false }: Props) {
  const id = useId();
  return (
    <div class="field">
      <div class="field-head">
        <label for={id}>{label}</label>
        <TypedSize label={`${label}, typed`} bytes={bytes} change={(typed) => change(Math.min(typed, most))} disabled={disabled} />
      </div>
      <input
        id={id}
        type="range"
        min={0}
        max={most}
        step={stepOf(most)}
        value={bytes}
        disabled={disabled}
        aria-valuetext={size(bytes)}
        aria-describedby={`${id}-meaning`}
        onInput={(event) => change(event.currentTarget.valueAsNumber)}
      />
      <p class="hint" id={`${id}-meaning`}>
        {meaning}
      </p>
    </div>
  );
}

interface TypedProps {
  label: string;
  bytes: number;
  change: (bytes: number) => void;
  disabled?: boolean;
}

/** Takes effect when it is left, or with Enter; what is no size is marked and changes nothing. */
export function TypedSize({ label, bytes, change, disabled = false }: TypedProps) {
  const [typed, setTyped] = useState(size(bytes));
  useEffect(() => setTyped(size(bytes)), [bytes]);
  const parsed = parseSize(typed);
  const take = (): void => {
    // The text is rounded, so that leaving it alone must not change anything.
    if (parsed !== null && typed !== size(bytes)) change(parsed);
    else setTyped(size(bytes));
  };
  return (
    <input
      class="typed number"
      aria-label={label}
      aria-invalid={parsed === null}
      value={typed}
      disabled={disabled}
      onInput={(event) => setTyped(event.currentTarget.value)}
      onChange={take}
    />
  );
}
