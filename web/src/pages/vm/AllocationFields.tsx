import { useId } from 'preact/hooks';
import type { Shares } from '../../api/schema.ts';
import { SizeSlider } from '../../parts/SizeSlider.tsx';
import { SHARES_SPAN, sharesAt, sharesNumber, sharesPosition, type Allocation } from '../../state/allocation.ts';
import { vm } from '../../words/figures.ts';
import { count } from '../../format/text.ts';

interface Props {
  allocation: Allocation;
  /** The VM's memory. */
  size: number;
  change: (allocation: Allocation) => void;
}

export function AllocationFields({ allocation, size, change }: Props) {
  const { reservation_bytes, limit_bytes, shares } = allocation;
  return (
    <>
      <SizeSlider
        label="Reservation"
        meaning={vm.reservation}
        bytes={reservation_bytes}
        most={size}
        change={(bytes) => change({ ...allocation, reservation_bytes: bytes })}
      />
      <SizeSlider
        label="Limit"
        meaning={vm.limit}
        bytes={limit_bytes ?? size}
        most={size}
        disabled={limit_bytes === null}
        change={(bytes) => change({ ...allocation, limit_bytes: bytes })}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={limit_bytes === null}
          onChange={(event) => change({ ...allocation, limit_bytes: event.currentTarget.checked ? null : size })}
        />
        No limit
      </label>
      <SharesField shares={shares} size={size} change={(changed) => change({ ...allocation, shares: changed })} />
    </>
  );
}

/** Levels by name, numbers by sliding. */
function SharesField({ shares, size, change }: { shares: Shares; size: number; change: (shares: Shares) => void }) {
  const id = useId();
  const number = sharesNumber(shares, size);
  const text = typeof shares === 'number' ? count(number) : `${shares}, ${count(number)}`;
  return (
    <div class="field">
      <div class="field-head">
        <label for={id}>Shares</label>
        <span class="number">{count(number)}</span>
        <select
          aria-label="Level of shares"
          value={typeof shares === 'number' ? 'custom' : shares}
          onChange={({ currentTarget: { value } }) => change(value === 'low' || value === 'normal' || value === 'high' ? value : number)}
        >
          <option value="low">Low</option>
          <option value="normal">Normal</option>
          <option value="high">High</option>
          <option value="custom">Custom</option>
        </select>
      </div>
      <input
        id={id}
        type="range"
        min={-SHARES_SPAN}
        max={SHARES_SPAN}
        step={0.25}
        value={sharesPosition(shares, size)}
        aria-valuetext={text}
        aria-describedby={`${id}-meaning`}
        onInput={(event) => change(sharesAt(event.currentTarget.valueAsNumber, size))}
      />
      <p class="hint" id={`${id}-meaning`}>
        {vm.shares}
      </p>
    </div>
  );
}
