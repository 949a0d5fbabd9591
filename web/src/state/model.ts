// What is known of the host, and how each message of the stream changes that. Pure.

import type { Alarm, Event, HostStatus, Pool, Setting, StreamSnapshot, Vm, VmStatus } from '../api/schema.ts';
import { afterAlarm } from './alarms.ts';

export interface Model {
  vms: readonly Vm[];
  pools: readonly Pool[];
  settings: readonly Setting[];
  alarms: readonly Alarm[];
  status: HostStatus;
  /** The last ones, oldest first. */
  events: readonly Event[];
}

/** Events kept of those that came by the stream. */
export const MOST_EVENTS = 2000;

/** Events are asked for anew: a host that was started again counts them from one. */
export const afterSnapshot = ({ vms, pools, settings, alarms, status }: StreamSnapshot): Model => ({
  vms,
  pools,
  settings,
  alarms,
  status,
  events: [],
});

/** Every VM gets its figures; one that does not run any more, none. */
export function afterStatus(model: Model, status: HostStatus): Model {
  const byId = new Map<number | null, VmStatus>(status.vms.map((vm) => [vm.id, vm]));
  const vms = model.vms.map((vm) => ({ ...vm, memory: byId.get(vm.id) ?? null }));
  return { ...model, status, vms };
}

export function afterEvent(model: Model, event: Event): Model {
  const events = [...model.events, event].slice(-MOST_EVENTS);
  const alarms = afterAlarm(model.alarms, event);
  if (event.event !== 'setting-changed') return { ...model, events, alarms };
  const settings = model.settings.map((setting) =>
    setting.name === event.name ? { ...setting, value: event.new } : setting,
  );
  return { ...model, events, settings };
}

/** Older events come by the list, newer ones by the stream; some by both. */
export function mergeEvents(older: readonly Event[], newer: readonly Event[]): Event[] {
  const first = newer[0]?.seq ?? Number.POSITIVE_INFINITY;
  return [...older.filter((event) => event.seq < first), ...newer].slice(-MOST_EVENTS);
}

/** The number of the last event that tells of a change of a VM. It rises with every change, be it one that takes the last one back. */
export const lastChange = (events: readonly Event[], vm: string): number =>
  events.findLast((event) => event.event === 'vm-changed' && event.vm === vm)?.seq ?? 0;

/** Which list has to be asked for anew after an event. */
export function staleAfter(event: Event): 'vms' | 'pools' | null {
  switch (event.event) {
    case 'vm-created':
    case 'vm-removed':
    case 'vm-started':
    case 'vm-refused':
    case 'vm-ended':
    case 'vm-restarted':
    case 'vm-paused':
    case 'vm-resumed':
    case 'vm-kept':
    case 'autostart-failed':
    case 'vm-trouble':
    case 'guest-panicked':
    case 'guest-silent':
    case 'guest-answers':
    case 'vm-changed':
    case 'swap-failed':
    case 'swap-works':
      return 'vms';
    case 'file-trouble':
    case 'file-good':
      return event.file.endsWith('/pools.toml') ? 'pools' : 'vms';
    case 'pool-created':
    case 'pool-removed':
    case 'pool-changed':
      return 'pools';
    default:
      return null;
  }
}
