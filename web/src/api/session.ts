// The token that every request carries: given once in the address, as `#token=…`, or typed in, and kept for the tab.

import { signal } from '@preact/signals';

const KEY = 'memtide.token';
const GIVEN = /(?:^#|&)token=([^&]*)/;

export const token = signal<string | null>(null);
/** Set when the host does not take the token, or wants one. */
export const refused = signal(false);

/** Takes the token out of the address, so that it is not in the history, nor read over a shoulder. */
export function begin(): void {
  const given = GIVEN.exec(location.hash)?.[1];
  if (given) {
    history.replaceState(null, '', `${location.pathname}${location.search}#/`);
    sessionStorage.setItem(KEY, decodeURIComponent(given));
  }
  token.value = sessionStorage.getItem(KEY);
}

export function signIn(typed: string): void {
  sessionStorage.setItem(KEY, typed);
  token.value = typed;
  refused.value = false;
}

export function signOut(): void {
  sessionStorage.removeItem(KEY);
  token.value = null;
  refused.value = true;
}

export const authorization = (): Record<string, string> =>
  token.value === null ? {} : { authorization: `Bearer ${token.value}` };
