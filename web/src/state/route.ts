// Which page is shown: the part of the address behind `#`.

import { signal } from '@preact/signals';

export interface Route {
  /** `/vms/web1/console` as `['vms', 'web1', 'console']`. */
  path: readonly string[];
  query: URLSearchParams;
}

export function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?');
  return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const link = (...path: string[]): string => `#/${path.map(encodeURIComponent).join('/')}`;

export const route = signal<Route>(parse(''));

export function watchRoute(): void {
  const read = (): void => {
    route.value = parse(location.hash);
  };
  addEventListener('hashchange', read);
  read();
}

/** Changes what is behind `?`, without a step in the browser's history. */
export function setQuery(name: string, value: string): void {
  const { path, query } = route.value;
  const changed = new URLSearchParams(query);
  if (value) changed.set(name, value);
  else changed.delete(name);
  history.replaceState(null, '', `${link(...path)}${changed.size > 0 ? `?${changed}` : ''}`);
  route.value = { path, query: changed };
}
