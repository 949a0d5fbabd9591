// How an edit ends: it is applied, refused, or somebody else was faster.

import { Failed } from '../../parts/Waiting.tsx';
import { Needs } from '../../parts/Needs.tsx';
import { changes } from '../../state/edits.ts';
import type { Edit } from './edit.ts';

interface Props<Draft> {
  edit: Edit<Draft>;
  /** What is told to whom it is not offered. */
  told: string;
  /** What a field is called, and what it is. */
  label: (field: keyof Draft) => string;
  shown: (draft: Draft, field: keyof Draft) => string;
}

export function EditEnd<Draft extends object>({ edit, told, label, shown }: Props<Draft>) {
  const { was, theirs, edited, busy } = edit;
  const lines = theirs ? (Object.keys(changes(was, theirs)) as (keyof Draft)[]).map((field) => `${label(field)}: ${shown(was, field)} → ${shown(theirs, field)}`) : [];
  return (
    <>
      {edit.problem && <Failed problem={edit.problem} />}
      {theirs && <Conflict lines={lines} takeTheirs={edit.takeTheirs} keepMine={edit.keepMine} />}
      <Needs role="administer" told={told}>
        <div class="actions">
          <button type="submit" class="primary" disabled={!edited || busy || theirs !== null}>
            {busy ? 'Applying…' : 'Apply'}
          </button>
          <button type="button" disabled={!edited || busy} onClick={() => edit.setDraft(was)}>
            Reset
          </button>
        </div>
      </Needs>
    </>
  );
}

interface ConflictProps {
  lines: readonly string[];
  takeTheirs: () => void;
  keepMine: () => void;
}

/** Somebody else was faster: what he did, and what is to be done now. */
const Conflict = ({ lines, takeTheirs, keepMine }: ConflictProps) => (
  <div class="banner conflict" role="alert">
    <p>
      <strong>Somebody else has changed this VM meanwhile.</strong> Nothing was applied.
    </p>
    <ul>
      {lines.map((line) => (
        <li key={line}>{line}</li>
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
