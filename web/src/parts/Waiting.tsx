// What is shown while there is nothing to show, and when the host is gone.

import type { Problem } from '../api/schema.ts';
import { connection } from '../state/host.ts';

export function Loading({ failed }: { failed: boolean }) {
  return (
    <div class="waiting" aria-busy={!failed}>
      <div class="ghost wide" />
      <div class="ghosts">
        <div class="ghost" />
        <div class="ghost" />
        <div class="ghost" />
      </div>
      <p>{failed ? 'There is nothing to show until the host answers.' : 'Asking the host…'}</p>
    </div>
  );
}

export function Lost() {
  const now = connection.value;
  if (now.is !== 'lost') return null;
  return (
    <div class="banner bad" role="alert">
      <strong>The connection to the host is lost.</strong> What is shown is how it was. Trying again… <span class="hint">({now.why})</span>
    </div>
  );
}

export function Failed({ problem, again }: { problem: Problem; again?: () => void }) {
  return (
    <div class="banner bad" role="alert">
      <strong>{problem.message}</strong>
      {problem.hint && <span> {problem.hint}</span>}
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

export const Empty = ({ children }: { children: preact.ComponentChildren }) => <p class="empty">{children}</p>;
