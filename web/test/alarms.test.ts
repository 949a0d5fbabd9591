import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alarm, AlarmRule, Event } from '../src/api/schema.ts';
import { changeOf, draftOf, levelOf, levelsText, wrong, type Draft } from '../src/state/alarmRule.ts';
import { afterAlarm, counted, inOrder, subjects, unseen, worst } from '../src/state/alarms.ts';
import { filtered, textOf } from '../src/state/eventText.ts';
import { afterEvent, afterSnapshot } from '../src/state/model.ts';
import { snapshot } from './samples.ts';

const alarm = (id: number, more: Partial<Alarm> = {}): Alarm => ({
  id,
  rule: 'vm-waiting',
  subject: 'vm-waiting',
  unit: 'percent',
  vm: 'web',
  directory: null,
  severity: 'warning',
  value: 30,
  text: "VM 'web' waits for memory for 30 % of its time",
  raised_at_milliseconds: 0,
  changed_at_milliseconds: 0,
  acknowledged: null,
  ...more,
});

const seen = { by: 'uid 0', at_milliseconds: 1 };

const told = (event: string, of: Alarm, more = {}): Event => ({ seq: 1, at_milliseconds: 0, event, ...of, ...more }) as Event;

test('alarms follow what happens', () => {
  let model = afterSnapshot(snapshot({ alarms: [alarm(1)] }));
  model = afterEvent(model, told('alarm-raised', alarm(3)));
  model = afterEvent(model, told('alarm-raised', alarm(1, { severity: 'critical' })));
  assert.deepEqual(model.alarms.map(({ id, severity }) => [id, severity]), [[1, 'critical'], [3, 'warning']]);
  model = afterEvent(model, told('alarm-acknowledged', alarm(3, { acknowledged: seen })));
  assert.deepEqual(unseen(model.alarms).map(({ id }) => id), [1]);
  model = afterEvent(model, told('alarm-cleared', alarm(1), { gone: true }));
  assert.deepEqual(model.alarms.map(({ id }) => id), [3]);
  assert.equal(afterAlarm(model.alarms, { seq: 1, at_milliseconds: 0, event: 'host-shuts-down' }), model.alarms);
});

test('what nobody has seen comes first, then the worst, then the newest', () => {
  const all = [alarm(1), alarm(2, { severity: 'critical' }), alarm(3), alarm(4, { severity: 'critical', acknowledged: seen })];
  assert.deepEqual(inOrder(all).map(({ id }) => id), [2, 3, 1, 4]);
  assert.deepEqual([worst(all), worst([alarm(1)]), worst([])], ['critical', 'warning', null]);
  assert.deepEqual([counted([alarm(1)]), counted(all)], ['1 alarm', '4 alarms']);
});

test('alarms are told in sentences, and found', () => {
  const events = [told('alarm-raised', alarm(1)), told('alarm-cleared', alarm(1), { gone: true })];
  assert.equal(textOf(events[0]!), "Warning alarm: VM 'web' waits for memory for 30 % of its time.");
  assert.match(textOf(events[1]!), /is gone with what it was about/);
  assert.equal(filtered(events, { vm: 'web', kind: '', text: 'gone', all: false }).length, 1);
});

const rule: AlarmRule = {
  name: 'swapping',
  subject: 'vm-swap-in',
  enabled: true,
  vms: ['web', 'db'],
  warning: { raise: 4 * 2 ** 20, clear: 2 ** 20 },
  critical: null,
  raise_after_seconds: 60,
  clear_after_seconds: 0,
  command: null,
  webhook: { url: 'https://example.org/', header: 'x-token' },
  unit: 'bytes-per-second',
  acts: true,
};

test('a rule is typed and sent as it was read', () => {
  const draft = draftOf(rule);
  assert.deepEqual([draft.warning.raise, draft.critical.raise, draft.vms], ['4 MiB', '', 'web, db']);
  const { name: _name, unit: _unit, acts: _acts, command: _command, ...same } = rule;
  assert.deepEqual(changeOf(draft), same);
  assert.deepEqual(changeOf({ ...draft, secret: 'sesame' }).webhook, { ...rule.webhook, secret: 'sesame' });
  assert.equal(changeOf({ ...draft, url: '' }).webhook, null);
  assert.equal(changeOf({ ...draft, subject: 'host-free' }).vms, null, 'the host is no VM');
});

test('levels are numbers, sizes or words', () => {
  assert.deepEqual([levelOf('vm-active', '80'), levelOf('vm-active', '80%'), levelOf('vm-active', '101'), levelOf('vm-active', '-1')], [80, 80, null, null]);
  assert.deepEqual([levelOf('vm-swap-in', '4MiB/s'), levelOf('vm-swap-in', 'much')], [4 * 2 ** 20, null]);
  assert.deepEqual([levelOf('host-state', 'hard'), levelOf('host-state', '3'), levelOf('vm-active', '')], ['hard', null, null]);
  assert.equal(levelsText('vm-swap-in', rule.warning), '4 MiB/s until 1 MiB/s');
  assert.equal(levelsText('host-state', { raise: 'hard' }), 'hard');
  assert.equal(levelsText('vm-active', null), '–');
});

test('what cannot be is said before the host is asked', () => {
  const draft: Draft = { ...draftOf(null), name: 'a', warning: { raise: '80', clear: '60' } };
  assert.equal(wrong(draft), null);
  const mistakes: [Partial<Draft>, RegExp][] = [
    [{ warning: { raise: '', clear: '' } }, /Give a warning/],
    [{ warning: { raise: '', clear: '5' } }, /where the warning begins/],
    [{ warning: { raise: 'x', clear: '' } }, /in percent/],
    [{ warning: { raise: '60', clear: '80' } }, /below where it begins/],
    [{ subject: 'host-free', warning: { raise: '10', clear: '5' } }, /above where it begins/],
    [{ critical: { raise: '70', clear: '' } }, /worse than what is a warning/],
    [{ raiseAfter: '1.5' }, /whole seconds/],
    [{ clearAfter: '90000' }, /whole seconds/],
    [{ url: 'mailto:me' }, /begins with https/],
    [{ url: 'https://a', secret: 'b' }, /Name the header/],
  ];
  for (const [change, says] of mistakes) assert.match(wrong({ ...draft, ...change }) ?? 'nothing', says);
});

test('words of a subject get worse', () => {
  assert.equal(subjects['host-state'].words.at(-1), 'low');
  assert.ok(Object.values(subjects).every(({ unit, words }) => (unit === 'word') === words.length > 0));
});
