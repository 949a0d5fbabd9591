import type { Shares } from '../api/schema.ts';

interface Props {
  id: string;
  shares: Shares;
  /** What a number begins with. */
  usual: number;
  change: (shares: Shares) => void;
  disabled?: boolean;
}

/** A level of shares by its name, or their number. */
export const SharesChoice = ({ id, shares, usual, change, disabled = false }: Props) => {
  const custom = typeof shares === 'number';
  return (
    <div class="shares">
      <select
        id={id}
        value={custom ? 'custom' : shares}
        disabled={disabled}
        onChange={({ currentTarget: { value } }) => change(value === 'low' || value === 'normal' || value === 'high' ? value : usual)}
      >
        <option value="low">Low</option>
        <option value="normal">Normal</option>
        <option value="high">High</option>
        <option value="custom">Custom</option>
      </select>
      {custom && (
        <input
          type="number"
          aria-label="How many"
          required
          min={1}
          max={100_000_000}
          value={shares}
          disabled={disabled}
          onInput={(event) => change(event.currentTarget.valueAsNumber || 0)}
        />
      )}
    </div>
  );
};
