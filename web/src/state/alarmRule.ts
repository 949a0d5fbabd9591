// A rule as it is typed: to it from what the host says, from it what is sent, and what of it cannot be. Pure.

import type { AlarmLevel, AlarmRule, AlarmRuleChange, AlarmSubject, AlarmThreshold, Severity } from '../api/schema.ts';
import { parseSize, rate, size } from '../format/size.ts';
import { subjects } from './alarms.ts';

/** Levels as typed; empty is none. */
export interface Levels {
  raise: string;
  clear: string;
}

export interface Draft {
  name: string;
  subject: AlarmSubject;
  enabled: boolean;
  /** Names with commas between; empty is every VM. */
  vms: string;
  warning: Levels;
  critical: Levels;
  raiseAfter: string;
  clearAfter: string;
  url: string;
  header: string;
  secret: string;
}

export const severities: readonly Severity[] = ['warning', 'critical'];

const typed = (subject: AlarmSubject, level: AlarmLevel | null | undefined): string => {
  if (level === null || level === undefined) return '';
  return typeof level === 'number' && subjects[subject].unit === 'bytes-per-second' ? size(level) : String(level);
};

const levelsOf = (subject: AlarmSubject, threshold: AlarmThreshold | null | undefined): Levels => ({
  raise: typed(subject, threshold?.raise),
  clear: typed(subject, threshold?.clear),
});

export function draftOf(rule: AlarmRule | null): Draft {
  const subject = rule?.subject ?? 'vm-waiting';
  return {
    name: rule?.name ?? '',
    subject,
    enabled: rule?.enabled ?? true,
    vms: rule?.vms?.join(', ') ?? '',
    warning: levelsOf(subject, rule?.warning),
    critical: levelsOf(subject, rule?.critical),
    raiseAfter: String(rule?.raise_after_seconds ?? 60),
    clearAfter: String(rule?.clear_after_seconds ?? 60),
    url: rule?.webhook?.url ?? '',
    header: rule?.webhook?.header ?? '',
    secret: '',
  };
}

/** A level as it is sent; null if it is none. */
export function levelOf(subject: AlarmSubject, text: string): AlarmLevel | null {
  const { unit, words } = subjects[subject];
  if (unit === 'word') return words.includes(text) ? text : null;
  if (unit === 'bytes-per-second') return parseSize(text.replace(/\/s$/, ''));
  const number = Number(text.replace(/%$/, ''));
  const most = unit === 'count' ? 1_000_000 : subject === 'host-overcommitment' ? 10_000 : 100;
  return text.trim() !== '' && Number.isFinite(number) && number >= 0 && number <= most ? number : null;
}

/** How bad a level is, to compare it with others of its subject. */
function badness(subject: AlarmSubject, level: AlarmLevel): number {
  const { words, falls } = subjects[subject];
  const value = typeof level === 'number' ? level : words.indexOf(level);
  return falls ? -value : value;
}

const seconds = (text: string): number | null => (/^\d{1,5}$/.test(text.trim()) && Number(text) <= 86_400 ? Number(text) : null);

function wrongWith(subject: AlarmSubject, name: Severity, { raise, clear }: Levels): string | null {
  if (raise === '') return clear === '' ? null : `Say where the ${name} begins, or leave both empty.`;
  const [begin, end] = [levelOf(subject, raise), clear === '' ? null : levelOf(subject, clear)];
  if (begin === null || (clear !== '' && end === null)) return `The ${name}’s levels are ${unitOf(subject)}.`;
  if (end !== null && badness(subject, end) >= badness(subject, begin)) {
    return `The ${name} has to end ${subjects[subject].falls ? 'above' : 'below'} where it begins.`;
  }
  return null;
}

/** What levels of it are, in words. */
export function unitOf(subject: AlarmSubject): string {
  const { unit, words } = subjects[subject];
  switch (unit) {
    case 'word':
      return `one of ${words.join(', ')}`;
    case 'percent':
      return 'numbers in percent';
    case 'count':
      return 'numbers';
    case 'bytes-per-second':
      return 'sizes in a second, such as 4 MiB';
  }
}

/** The first thing that cannot be; null if the host may be asked. */
export function wrong(draft: Draft): string | null {
  const { subject, warning, critical } = draft;
  const of = (severity: Severity) => wrongWith(subject, severity, draft[severity]);
  if (warning.raise === '' && critical.raise === '' && warning.clear === '' && critical.clear === '') return 'Give a warning, a critical level, or both.';
  const levels = of('warning') ?? of('critical');
  if (levels) return levels;
  const [first, then] = [levelOf(subject, warning.raise), levelOf(subject, critical.raise)];
  if (first !== null && then !== null && badness(subject, then) < badness(subject, first)) return 'What is critical has to be worse than what is a warning.';
  if (seconds(draft.raiseAfter) === null || seconds(draft.clearAfter) === null) return 'Times are whole seconds, a day at most.';
  if (draft.url !== '' && !/^https?:\/\/[^/\s]+/.test(draft.url)) return 'A webhook begins with https:// or http://.';
  if (draft.url !== '' && draft.secret !== '' && draft.header === '') return 'Name the header that the secret is sent in.';
  return null;
}

const thresholdOf = (subject: AlarmSubject, { raise, clear }: Levels): AlarmThreshold | null => {
  const begin = levelOf(subject, raise);
  return begin === null ? null : { raise: begin, clear: levelOf(subject, clear) };
};

/** What is sent of it. Its command stays what it is. */
export function changeOf(draft: Draft): AlarmRuleChange {
  const { subject, url, header, secret } = draft;
  const vms = draft.vms.split(',').map((name) => name.trim()).filter(Boolean);
  return {
    subject,
    enabled: draft.enabled,
    vms: vms.length > 0 && subjects[subject].of === 'vm' ? vms : null,
    warning: thresholdOf(subject, draft.warning),
    critical: thresholdOf(subject, draft.critical),
    raise_after_seconds: seconds(draft.raiseAfter),
    clear_after_seconds: seconds(draft.clearAfter),
    webhook: url === '' ? null : { url, header: header || null, ...(secret === '' ? {} : { secret }) },
  };
}

/** A threshold in words: `25 % until 10 %`. */
export function levelsText(subject: AlarmSubject, threshold: AlarmThreshold | null | undefined): string {
  if (!threshold) return '–';
  const show = (level: AlarmLevel): string => {
    const { unit } = subjects[subject];
    if (typeof level !== 'number') return level;
    return unit === 'percent' ? `${level} %` : unit === 'count' ? String(level) : rate(level);
  };
  const clear = threshold.clear === null || threshold.clear === undefined ? '' : ` until ${show(threshold.clear)}`;
  return `${show(threshold.raise)}${clear}`;
}
