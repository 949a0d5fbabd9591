// Dark or light: as the system has it, unless chosen here.

import { computed, effect, signal } from '@preact/signals';

export type Choice = 'system' | 'light' | 'dark';

const KEY = 'memtide.theme';
const dark = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(dark.matches);

export const choice = signal<Choice>(read());
export const theme = computed(() =>
  choice.value === 'system' ? (systemDark.value ? 'dark' : 'light') : choice.value,
);

function read(): Choice {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

export function choose(chosen: Choice): void {
  choice.value = chosen;
  localStorage.setItem(KEY, chosen);
}

export function watchTheme(): void {
  dark.addEventListener('change', () => {
    systemDark.value = dark.matches;
  });
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
  });
}
