import { changes, fields, labels, type Allocation, type Field } from '../../state/allocation.ts';
import { size } from '../../format/size.ts';

interface Props {
  was: Allocation;
  theirs: Allocation;
  takeTheirs: () => void;
  keepMine: () => void;
}

/** Somebody else was faster: what he did, and what is to be done now. */
export function Conflict({ was, theirs, takeTheirs, keepMine }: Props) {
  const changed = changes(was, theirs);
  const lines = fields.filter((field) => field in changed);
  return (
    <div class="banner conflict" role="alert">
      <p>
        <strong>Somebody else has changed this VM meanwhile.</strong> Nothing was applied.
      </p>
      <ul>
        {lines.map((field) => (
          <li key={field}>
            {labels[field]}: {shown(was, field)} → {shown(theirs, field)}
          </li>
        ))}
        {lines.length === 0 && <li>Something that is not shown here.</li>}
      </ul>
      <div class="actions">
        <button type="button" onClick={takeTheirs}>
          Take theirs
        </button>
        <button type="button" onClick={keepMine}>
          Keep my edits on top
        </button>
      </div>
    </div>
  );
}

function shown(allocation: Allocation, field: Field): string {
  const value = allocation[field];
  if (field === 'shares') return String(value);
  return typeof value === 'number' ? size(value) : 'no limit';
}
