// Which page is shown at which address.

import type { ComponentChildren } from 'preact';
import { Alarms } from './alarms/Alarms.tsx';
import { Events } from './Events.tsx';
import { MemoryMap } from './map/MemoryMap.tsx';
import { Missing } from './Missing.tsx';
import { Operations } from './Operations.tsx';
import { Overview } from './overview/Overview.tsx';
import { Pools } from './pools/Pools.tsx';
import { Settings } from './Settings.tsx';
import { VmPage } from './vm/VmPage.tsx';

export interface Page {
  title: string;
  show(): ComponentChildren;
}

export function pageAt(path: readonly string[]): Page {
  const [first = '', name, view = 'memory'] = path;
  switch (first) {
    case '':
      return { title: 'Overview', show: () => <Overview /> };
    case 'vms':
      if (name) return { title: `${name}, ${view}`, show: () => <VmPage key={name} name={name} view={view} /> };
      break;
    case 'map':
      return { title: 'Memory map', show: () => <MemoryMap name={name ?? null} /> };
    case 'pools':
      return { title: 'Resource pools', show: () => <Pools /> };
    case 'settings':
      return { title: 'Settings', show: () => <Settings /> };
    case 'alarms':
      return { title: 'Alarms', show: () => <Alarms /> };
    case 'events':
      return { title: 'Events', show: () => <Events /> };
    case 'operations':
      return { title: 'Operations', show: () => <Operations /> };
  }
  return { title: 'Nothing here', show: () => <Missing what="a page at this address" /> };
}
