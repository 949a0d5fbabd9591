// What the page says beside what it shows: for screen readers, that something changed; for all, what came of a command.

import { signal } from '@preact/signals';
import type { Problem } from '../api/schema.ts';
import { problemOf } from '../api/call.ts';

export interface Notice {
  id: number;
  tone: 'good' | 'bad';
  text: string;
  hint: string | null;
}

const SHOWN = 6000;
const MOST = 4;

export const announcement = signal('');
export const notices = signal<readonly Notice[]>([]);
let next = 1;

export function announce(text: string): void {
  announcement.value = text;
}

/** Takes it back, unless something else was said since. */
export function hush(text: string): void {
  if (announcement.value === text) announcement.value = '';
}

function add(tone: Notice['tone'], text: string, hint: string | null): number {
  const id = next++;
  notices.value = [...notices.value, { id, tone, text, hint }].slice(-MOST);
  return id;
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

/** Goes away by itself. */
export function tell(text: string): void {
  const id = add('good', text, null);
  setTimeout(() => dismiss(id), SHOWN);
}

/** Stays until it is dismissed. */
export function complain(problem: Problem): void {
  add('bad', problem.message, problem.hint);
}

/** Does it and says what came of it; false if it failed. */
export async function attempt(what: () => Promise<string | void>): Promise<boolean> {
  try {
    const said = await what();
    if (said) tell(said);
    return true;
  } catch (error) {
    complain(problemOf(error));
    return false;
  }
}
