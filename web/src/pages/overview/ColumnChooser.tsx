import { useId, useRef } from 'preact/hooks';
import { putBeside } from '../../parts/beside.ts';
import { chooseColumn, isChosen, shownColumns } from '../../state/columns.ts';
import { columns } from './columns.tsx';

/** Which columns the table of VMs has. The browser's own popover: Escape and a tap elsewhere close it. */
export function ColumnChooser() {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  return (
    <div class="chooser">
      <button ref={button} type="button" popovertarget={id}>
        Columns
      </button>
      <fieldset id={id} popover="auto" class="card" onToggle={({ currentTarget }) => button.current && putBeside(currentTarget, button.current)}>
        <legend class="unseen">Columns that are shown</legend>
        {columns
          .filter(({ key }) => key !== 'name')
          .map(({ key, label }) => (
            <label key={key}>
              <input type="checkbox" checked={shownColumns.value.has(key)} onChange={() => chooseColumn(key)} />
              {label}
            </label>
          ))}
        <button type="button" class="plain" disabled={!isChosen.value} onClick={() => chooseColumn(null)}>
          As usual
        </button>
      </fieldset>
    </div>
  );
}
