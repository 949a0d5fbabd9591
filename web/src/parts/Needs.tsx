import type { ComponentChildren } from 'preact';
import type { Role } from '../api/schema.ts';
import { may } from '../state/caller.ts';

/** What takes a role: shown to who has it; others are told, where there is something to tell. */
export function Needs({ role, told, children }: { role: Role; told?: string; children: ComponentChildren }) {
  if (may(role)) return <>{children}</>;
  return told ? (
    <p class="hint">
      {told} takes the role <em>{role}</em>.
    </p>
  ) : null;
}
