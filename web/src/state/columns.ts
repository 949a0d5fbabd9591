// Which columns of the table of VMs are shown: as chosen in this browser, or as many as there is room for.

import { computed, signal } from '@preact/signals';

const KEY = 'memtide.columns';

/** What is usual where the window is at most so wide, in pixels. */
const usual: readonly (readonly [upTo: number, columns: readonly string[]])[] = [
  [620, ['power', 'memory_bytes', 'consumed_bytes', 'waiting']],
  [1179, ['power', 'memory_bytes', 'consumed_bytes', 'active_bytes', 'waiting']],
  [Infinity, ['power', 'pages', 'memory_bytes', 'consumed_bytes', 'trend', 'entitlement_bytes', 'active_bytes', 'reclaimed', 'waiting']],
];
const fitting = signal(fit());
addEventListener('resize', () => {
  fitting.value = fit();
});

function fit(): readonly string[] {
  return usual.find(([upTo]) => innerWidth <= upTo)?.[1] ?? [];
}

const chosen = signal<readonly string[] | null>(read());

function read(): readonly string[] | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    return Array.isArray(kept) ? kept.filter((key) => typeof key === 'string') : null;
  } catch {
    return null;
  }
}

export const shownColumns = computed<ReadonlySet<string>>(() => new Set(['name', ...(chosen.value ?? fitting.value)]));
export const isChosen = computed(() => chosen.value !== null);

/** Shows or hides one; `null` goes back to what is usual. */
export function chooseColumn(key: string | null): void {
  if (key === null) {
    chosen.value = null;
    localStorage.removeItem(KEY);
    return;
  }
  const next = new Set(shownColumns.value);
  if (!next.delete(key)) next.add(key);
  chosen.value = [...next];
  localStorage.setItem(KEY, JSON.stringify(chosen.value));
}
