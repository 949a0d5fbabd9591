// The alarms there are, and how events change that. Pure.

import type { Alarm, AlarmSubject, AlarmUnit, Event, Severity } from '../api/schema.ts';

export interface Subject {
  /** In the words of a list to choose from. */
  name: string;
  of: 'host' | 'vm' | 'directory';
  unit: AlarmUnit;
  /** The best first; none if it is measured in numbers. */
  words: readonly string[];
  /** Whether little of it is bad. */
  falls: boolean;
}

const number = (of: Subject['of'], name: string, more: Partial<Subject> = {}): Subject => ({ name, of, unit: 'percent', words: [], falls: false, ...more });

export const subjects: Record<AlarmSubject, Subject> = {
  'host-state': number('host', 'State of the host’s memory', { unit: 'word', words: ['high', 'clear', 'soft', 'hard', 'low'] }),
  'host-free': number('host', 'Free machine memory', { falls: true }),
  'host-overcommitment': number('host', 'Promised beyond what there is'),
  'host-memory-limit': number('host', 'Lacking to what the host needs, by its control group’s limit'),
  'host-files': number('host', 'The host’s own files', { unit: 'word', words: ['good', 'unreadable', 'unwritten'] }),
  'swap-disk-free': number('directory', 'Free disk for swap files', { falls: true }),
  'vm-active': number('vm', 'Used by a VM, of its size'),
  'vm-consumed': number('vm', 'Held by a VM, of its limit'),
  'vm-ballooned': number('vm', 'Ballooned, of a VM’s size'),
  'vm-compressed': number('vm', 'Compressed, of a VM’s size'),
  'vm-swapped': number('vm', 'Swapped, of a VM’s size'),
  'vm-swap-in': number('vm', 'Swapped in by a VM', { unit: 'bytes-per-second' }),
  'vm-waiting': number('vm', 'Time a VM waits for memory'),
  'vm-balloon-driver': number('vm', 'Conduct of a VM’s balloon driver', { unit: 'word', words: ['working', 'slow', 'absent', 'stuck', 'lying'] }),
  'vm-guest': number('vm', 'How a VM’s guest is', { unit: 'word', words: ['well', 'silent', 'panicked'] }),
  'vm-guest-oom-kills': number('vm', 'Programs a VM’s guest killed for want of memory', { unit: 'count' }),
  'vm-start': number('vm', 'Last start of a VM', { unit: 'word', words: ['worked', 'loops', 'failed'] }),
};

type AlarmEvent = Event & { event: 'alarm-raised' | 'alarm-eased' | 'alarm-acknowledged' | 'alarm-cleared' };

const isAlarm = (event: Event): event is AlarmEvent =>
  event.event === 'alarm-raised' || event.event === 'alarm-eased' || event.event === 'alarm-acknowledged' || event.event === 'alarm-cleared';

/** By number. */
export function afterAlarm(alarms: readonly Alarm[], event: Event): readonly Alarm[] {
  if (!isAlarm(event)) return alarms;
  const others = alarms.filter((alarm) => alarm.id !== event.id);
  return event.event === 'alarm-cleared' ? others : [...others, event].toSorted((a, b) => a.id - b.id);
}

const rank: Record<Severity, number> = { critical: 0, warning: 1 };

/** What nobody has seen first, of these what is critical, of these what is new. */
export const inOrder = (alarms: readonly Alarm[]): Alarm[] =>
  alarms.toSorted(
    (a, b) =>
      Number(a.acknowledged !== null) - Number(b.acknowledged !== null) || rank[a.severity] - rank[b.severity] || b.id - a.id,
  );

export const unseen = (alarms: readonly Alarm[]): Alarm[] => alarms.filter((alarm) => alarm.acknowledged === null);

/** The worst there is; null if there is none. */
export const worst = (alarms: readonly Alarm[]): Severity | null =>
  alarms.length === 0 ? null : alarms.some(({ severity }) => severity === 'critical') ? 'critical' : 'warning';

/** `1 alarm`, `3 alarms`. */
export const counted = (alarms: readonly Alarm[]): string => `${alarms.length} ${alarms.length === 1 ? 'alarm' : 'alarms'}`;
