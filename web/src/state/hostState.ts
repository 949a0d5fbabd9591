// How short the host is of memory: its state, and how far it is to the next.

import type { HostState, HostStatus } from '../api/schema.ts';

/** From plenty to the last resort. */
export const states: readonly HostState[] = ['high', 'clear', 'soft', 'hard', 'low'];

/** Below so much free memory each state begins. */
export function beginsBelow(state: HostState, { thresholds }: HostStatus): number | null {
  switch (state) {
    case 'high':
      return null;
    case 'clear':
      return thresholds.clear_bytes;
    case 'soft':
      return thresholds.soft_bytes;
    case 'hard':
      return thresholds.hard_bytes;
    case 'low':
      return thresholds.low_bytes;
  }
}

/** The state that follows when memory gets shorter, and what may be used until then. */
export function worse(status: HostStatus): { state: HostState; bytes: number } | null {
  const next = states[states.indexOf(status.state) + 1];
  const below = next && beginsBelow(next, status);
  if (!next || below === null || below === undefined) return null;
  return { state: next, bytes: Math.max(0, status.ledger.free_bytes - below) };
}

/** The state that follows when memory comes free, and what has to be free for it, but for a small margin. */
export function better(status: HostStatus): { state: HostState; above: number } | null {
  const { clear_bytes, hard_bytes, low_bytes } = status.thresholds;
  switch (status.state) {
    case 'high':
      return null;
    // Reclaiming that has begun is carried to its end.
    case 'clear':
    case 'soft':
      return { state: 'high', above: clear_bytes };
    case 'hard':
      return { state: 'soft', above: hard_bytes };
    case 'low':
      return { state: 'hard', above: low_bytes };
  }
}
