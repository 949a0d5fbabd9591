// Which columns of the table of VMs are shown: as chosen in this browser, or as many as there is room for.

import { computed, signal } from '@preact/signals';

const KEY = 'memtide.columns';
/** Where a phone begins, as in the style. */
const narrow = matchMedia('(max-width: 620px)');
const isNarrow = signal(narrow.matches);
narrow.addEventListener('change', () => {
  isNarrow.value = narrow.matches;
});

const usual = {
  wide: ['name', 'power', 'pages', 'memory_bytes', 'consumed_bytes', 'trend', 'entitlement_bytes', 'active_bytes', 'reclaimed', 'waiting'],
  narrow: ['name', 'power', 'consumed_bytes', 'memory_bytes', 'waiting'],
} as const;

const chosen = signal<readonly string[] | null>(read());

function read(): readonly string[] | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    return Array.isArray(kept) ? kept.filter((key) => typeof key === 'string') : null;
  } catch {
    return null;
  }
}

export const shownColumns = computed<ReadonlySet<string>>(() => new Set(['name', ...(chosen.value ?? usual[isNarrow.value ? 'narrow' : 'wide'])]));
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
