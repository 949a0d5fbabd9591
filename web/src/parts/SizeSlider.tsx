// A size that is set: by sliding, or typed with its unit.

import { useId, useState } from 'preact/hooks';
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
  // Null while nobody types: then it is what is set.
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? size(bytes);
  const parsed = parseSize(shown);
  const take = (): void => {
    // The text is rounded, so that leaving it alone must not change anything.
    if (parsed !== null && shown !== size(bytes)) change(parsed);
    setTyped(null);
  };
  return (
    <input
      class="typed number"
      aria-label={label}
      aria-invalid={parsed === null}
      value={shown}
      disabled={disabled}
      onInput={(event) => setTyped(event.currentTarget.value)}
      onChange={take}
      onBlur={() => setTyped(null)}
    />
  );
}
