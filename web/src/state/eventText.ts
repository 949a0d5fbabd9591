// Events in sentences. Pure.

import type { Changed, Event } from '../api/schema.ts';
import { ends, restarts } from '../words/values.ts';
import { size } from '../format/size.ts';
import { counted, percent, sentence, words } from '../format/text.ts';

const changed = (changes: Changed[]): string =>
  changes.map(({ field, old, new: now }) => `${words(field)} ${old ?? 'none'} → ${now ?? 'none'}`).join(', ');

export function textOf(event: Event): string {
  switch (event.event) {
    case 'host-opened':
      return `The host has ${size(event.machine_memory_bytes)} of memory and knows ${counted(event.vms, 'VM')}.`;
    case 'host-exposed':
      return `The host lacks protection: ${event.why}.`;
    case 'host-shuts-down':
      return 'The host shuts down.';
    case 'vm-created':
      return 'It was created.';
    case 'vm-removed':
      return 'It was removed.';
    case 'vm-started':
      return `It was started, with ${size(event.memory_bytes)}, of which ${size(event.reservation_bytes)} are guaranteed.`;
    case 'vm-restarted':
      return `It is restarted: ${restarts[event.why]}${event.waits_seconds > 0 ? `. As it does hardly anything else, it is left off for ${event.waits_seconds} s before` : ''}.`;
    case 'vm-paused':
      return 'It was paused.';
    case 'vm-resumed':
      return 'It was resumed.';
    case 'vm-kept':
      return 'It is paused: its guest asked for a reset, and is to be kept as it is.';
    case 'autostart-failed':
      return `It did not start with the host: ${event.why}. It is tried again in ${event.again_in_seconds} s.`;
    case 'vm-refused':
      return `It was not started: ${event.why}.`;
    case 'shutdown-requested':
      return `Its guest was asked to shut down, within ${event.deadline_seconds} s.`;
    case 'vm-ended':
      return `It ended: ${ends[event.how] ?? event.how}${event.why ? `, ${event.why}` : ''}.`;
    case 'vm-trouble':
      return `It is in trouble: ${event.what}.`;
    case 'guest-panicked':
      return `It stands still: ${event.how}.`;
    case 'guest-silent':
      return `Its guest’s agent has not answered for ${event.seconds} s.`;
    case 'guest-answers':
      return 'Its guest’s agent answers again.';
    case 'guest-oom-kills':
      return `Its guest says that it killed ${counted(event.kills, 'program')} for want of memory, while its balloon held ${size(event.ballooned_bytes)}.`;
    case 'vm-slowed':
      return `It is slowed: it waits for memory for ${percent(event.waits)} of its time.`;
    case 'vm-not-slowed':
      return 'It is not slowed any more.';
    case 'memory-stands-still':
      return `Memory stands still for ${event.seconds} s: none is free and none comes free${event.failing.length > 0 ? `. Swap files fail of ${event.failing.join(', ')}` : ''}.`;
    case 'vm-changed':
      return `It was changed: ${changed(event.changes)}.`;
    case 'pool-created':
      return `The resource pool ${event.pool} was created.`;
    case 'pool-removed':
      return `The resource pool ${event.pool} was removed.`;
    case 'pool-changed':
      return `The resource pool ${event.pool} was changed: ${changed(event.changes)}.`;
    case 'setting-changed':
      return `${event.name} was set from ${event.old} to ${event.new}.`;
    case 'planned':
      return planned(event);
    case 'reclaimed':
      return reclaimed(event);
    case 'balloon-judged':
      return `Its balloon driver is ${words(event.new)}; it was ${words(event.old)}.`;
    case 'swap-failed':
      return `Its swap file does not take pages: ${event.why}`;
    case 'swap-works':
      return 'Its swap file takes pages again.';
    case 'swap-in-memory':
      return `Its swap file lies in ${event.directory}, which is memory: what is swapped there takes memory that the host does not count.`;
    case 'file-trouble':
      return event.state === 'unwritten'
        ? `${event.file} cannot be written yet: ${event.why}. What belongs in it is kept in memory, and written as soon as it can be.`
        : `${event.file} cannot be read, and is left as it is: ${event.why}.`;
    case 'file-good':
      return `${event.file} is as it should be again.`;
    case 'disk-silent':
      return `The disk of ${event.directory} has not answered for ${event.seconds} s: VMs whose swap files lie there wait for it.`;
    case 'disk-answers':
      return `The disk of ${event.directory} answers again.`;
    case 'memory-limit-low':
      return `The memory limit of the host’s control group is ${size(event.limit_bytes)}, ${size(event.lacks_bytes)} less than the host needs: VMs give that up.`;
    case 'memory-limit-fits':
      return 'The host’s control group allows all the memory that the host needs again.';
    case 'loop-late':
      return `The memory loop was ${event.milliseconds} ms late.`;
    case 'unswapped':
      return `${size(event.brought_back_bytes)} were brought back.`;
    case 'alarm-raised':
      return `${sentence(event.severity)} alarm: ${event.text}.`;
    case 'alarm-eased':
      return `The alarm is not critical any more: ${event.text}.`;
    case 'alarm-cleared':
      return event.gone ? `The alarm of the rule ${event.rule} is gone with what it was about.` : `The alarm of the rule ${event.rule} is over: ${event.text}.`;
    case 'alarm-acknowledged':
      return `The alarm of the rule ${event.rule} was seen by ${event.acknowledged?.by ?? 'somebody'}.`;
    case 'alarm-action-failed':
      return `The ${event.action} of the rule ${event.rule} failed: ${event.why}${event.said ? `. It said: ${event.said}` : ''}`;
    case 'alarm-rule-created':
      return `The alarm rule ${event.rule} was created.`;
    case 'alarm-rule-changed':
      return `The alarm rule ${event.rule} was changed: ${changed(event.changes)}.`;
    case 'alarm-rule-removed':
      return `The alarm rule ${event.rule} was removed.`;
    case 'trouble':
      return event.why;
    case 'internal-error':
      return `A fault in the host’s own code, ${event.place}: ${event.message}. It goes on; please report it.`;
    case 'audit-passed':
      return `An audit found that all invariants hold: ${event.vms} running ${event.vms === 1 ? 'VM' : 'VMs'} audited.`;
    case 'audit-failed':
      return `An invariant does not hold: ${event.violation}`;
    default:
      // A newer host may tell of more.
      return words((event as { event: string }).event);
  }
}

function planned(event: Event & { event: 'planned' }): string {
  const state =
    event.state === event.state_before ? `The state is ${event.state}` : `The state went from ${event.state_before} to ${event.state}`;
  const wanted =
    event.shortfall_bytes > 0
      ? `; ${size(event.shortfall_bytes)} are to be taken back${event.unmet_bytes > 0 ? `, ${size(event.unmet_bytes)} of it from nobody` : ''}`
      : '';
  return `${state}, ${size(event.free_bytes)} are free${wanted}.`;
}

function reclaimed(event: Event & { event: 'reclaimed' }): string {
  const ways: [number, string][] = [
    [event.zeroed_bytes, 'as zeros'],
    [event.shared_bytes, 'by sharing'],
    [event.compressed_bytes, 'by compressing'],
    [event.swapped_bytes, 'by swapping'],
  ];
  const said = ways.filter(([bytes]) => bytes > 0).map(([bytes, way]) => `${size(bytes)} ${way}`);
  return `${size(event.freed_bytes)} were taken from it${said.length > 0 ? `: ${said.join(', ')}` : ''}.`;
}

/** Whom an event is about; `null` if the host. */
export const vmOf = (event: Event): string | null => ('vm' in event && typeof event.vm === 'string' ? event.vm : null);

const grave = new Set(['alarm-raised', 'host-exposed', 'alarm-action-failed', 'vm-refused', 'autostart-failed', 'vm-trouble', 'guest-panicked', 'guest-silent', 'guest-oom-kills', 'vm-slowed', 'memory-stands-still', 'swap-failed', 'swap-in-memory', 'file-trouble', 'disk-silent', 'memory-limit-low', 'loop-late', 'trouble', 'internal-error', 'audit-failed']);
export const isGrave = (event: Event): boolean => grave.has(event.event);

/** A plan made because it was time to, that changed nothing. */
export const isRoutine = (event: Event): boolean =>
  event.event === 'planned' && event.trigger !== 'shortage' && event.state === event.state_before && event.vms.length === 0;

/** What the memory loop does second by second: plans that leave the state as it is, and what they take. */
export const isUsual = (event: Event): boolean => event.event === 'reclaimed' || (event.event === 'planned' && event.state === event.state_before);

/** The last `most` of the others, newest first. A state that goes to and fro counts once, as it would drive out all else. */
export function news(events: readonly Event[], most: number): Event[] {
  const found: Event[] = [];
  for (let index = events.length - 1; index >= 0 && found.length < most; index -= 1) {
    const event = events[index];
    if (!event || isUsual(event)) continue;
    if (event.event === 'planned' && found.some((other) => other.event === 'planned')) continue;
    found.push(event);
  }
  return found;
}

export interface EventFilter {
  vm: string;
  kind: string;
  text: string;
  /** Routine plans too. */
  all: boolean;
}

/** What a filter leaves, newest first. A plan is about every VM in it. */
export function filtered(events: readonly Event[], { vm, kind, text, all }: EventFilter): Event[] {
  const wanted = text.toLowerCase();
  return events
    .filter((event) => all || !isRoutine(event))
    .filter((event) => kind === '' || event.event === kind)
    .filter((event) => vm === '' || vmOf(event) === vm || (event.event === 'planned' && event.vms.some((one) => one.vm === vm)))
    .filter((event) => wanted === '' || `${event.event} ${vmOf(event) ?? ''} ${textOf(event)}`.toLowerCase().includes(wanted))
    .reverse();
}
