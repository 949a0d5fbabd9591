import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../src/api/schema.ts';
import { allocationOf, type Allocation, sharesAt, sharesNumber, sharesPosition } from '../src/state/allocation.ts';
import { changes, isEmpty, rebase } from '../src/state/edits.ts';
import { activeOf, machineParts, pageParts, pagesOf, promised, usesOf } from '../src/state/composition.ts';
import { filtered, isRoutine, isUsual, news, textOf } from '../src/state/eventText.ts';
import { History, SAMPLES } from '../src/state/history.ts';
import { better, worse } from '../src/state/hostState.ts';
import { afterEvent, afterSnapshot, afterStatus, lastChange, mergeEvents, MOST_EVENTS, staleAfter } from '../src/state/model.ts';
import { flatten, within } from '../src/state/poolTree.ts';
import { metrics, MIB, snapshot, status, vm, vmStatus } from './samples.ts';

const created = (seq: number, name = 'a'): Event => ({ seq, at_milliseconds: seq, event: 'vm-created', vm: name });
const sum = (parts: { bytes: number }[]): number => parts.reduce((total, part) => total + part.bytes, 0);

test('parts of a whole add up to it', () => {
  assert.equal(sum(pageParts(pagesOf(metrics))), 128 * MIB);
  assert.equal(sum(machineParts(usesOf(status().ledger))), 256 * MIB);
});

test('a status gives every VM its figures, by the number of its run', () => {
  const model = afterSnapshot(snapshot({ vms: [vm('a', 1), vm('b', 2), vm('c', null)] }));
  const next = afterStatus(model, status({ vms: [vmStatus('a', 7), vmStatus('b', 2, { consumed_bytes: 5 })] }));
  assert.equal(next.vms[0]?.memory, null, 'the figures of another run are not its own');
  assert.equal(next.vms[1]?.memory?.consumed_bytes, 5);
  assert.equal(next.vms[2]?.memory, null);
  assert.equal(model.vms[1]?.memory?.consumed_bytes, metrics.consumed_bytes, 'what was is not changed');
});

test('events are kept up to a bound, and forgotten at a snapshot', () => {
  let model = afterSnapshot(snapshot());
  for (let seq = 1; seq <= MOST_EVENTS + 5; seq += 1) model = afterEvent(model, created(seq));
  assert.equal(model.events.length, MOST_EVENTS);
  assert.equal(model.events.at(-1)?.seq, MOST_EVENTS + 5);
  assert.deepEqual(afterSnapshot(snapshot()).events, []);
});

test('older events come before newer ones, each once', () => {
  const merged = mergeEvents([1, 2, 3].map((seq) => created(seq)), [3, 4].map((seq) => created(seq)));
  assert.deepEqual(merged.map((event) => event.seq), [1, 2, 3, 4]);
});

test('a VM that is changed back has changed, and is another than one that was left alone', () => {
  const changed = (seq: number, name: string): Event => ({ seq, at_milliseconds: seq, event: 'vm-changed', vm: name, changes: [] });
  assert.equal(lastChange([], 'a'), 0);
  assert.equal(lastChange([changed(1, 'a'), created(2)], 'a'), 1);
  assert.equal(lastChange([changed(1, 'a'), changed(2, 'a'), changed(3, 'b')], 'a'), 2);
});

test('a setting that is changed is changed here, and a VM is asked for anew', () => {
  const setting = { name: 'Mem.IdleTax', value: 75, default: 75, least: 0, most: 99, unit: '%', meaning: '' };
  const model = afterSnapshot(snapshot({ settings: [setting] }));
  const event: Event = { seq: 1, at_milliseconds: 1, event: 'setting-changed', name: 'Mem.IdleTax', old: 75, new: 50 };
  assert.equal(afterEvent(model, event).settings[0]?.value, 50);
  assert.equal(staleAfter(event), null);
  assert.equal(staleAfter(created(1)), 'vms');
  assert.equal(staleAfter({ seq: 1, at_milliseconds: 1, event: 'pool-created', pool: 'p' }), 'pools');
});

test('history is bounded, knows its gaps, and begins anew when the clock is set back', () => {
  const history = new History(['x']);
  for (let second = 0; second < SAMPLES + 100; second += 1) history.add(second, { x: second });
  assert.equal(history.length, SAMPLES);
  assert.deepEqual(history.times(2), [997, 998, 999]);
  assert.deepEqual(history.values('x', 2), [997, 998, 999]);
  history.add(999, { x: 1 });
  assert.equal(history.length, SAMPLES, 'the same moment counts once');
  history.add(1100, { x: 5 });
  assert.deepEqual(history.values('x', 101), [999, null, 5]);
  history.add(10, { x: 6 });
  assert.deepEqual(history.values('x', 1000), [6]);
});

test('the distance to the next state', () => {
  assert.deepEqual(worse(status()), { state: 'clear', bytes: 34 * MIB });
  assert.equal(better(status()), null);
  const short = status({ state: 'soft', ledger: { ...status().ledger, free_bytes: 9 * MIB } });
  assert.deepEqual(worse(short), { state: 'hard', bytes: 4 * MIB });
  assert.deepEqual(better(short), { state: 'high', above: 16 * MIB });
  assert.equal(worse(status({ state: 'low' })), null);
});

test('only what was edited is changed, on top of what others did', () => {
  const was: Allocation = allocationOf(vm('a', 1, { reservation_bytes: 8 * MIB }));
  assert.deepEqual({ ...was }, { reservation_bytes: 8 * MIB, limit_bytes: null, shares: 'normal' });
  const mine: Allocation = { ...was, limit_bytes: 64 * MIB };
  assert.deepEqual(changes(was, mine), { limit_bytes: 64 * MIB });
  assert.ok(isEmpty(changes(was, { ...was })));
  const theirs = { ...was, reservation_bytes: 16 * MIB, shares: 'high' as const };
  assert.deepEqual(rebase(was, mine, theirs), { reservation_bytes: 16 * MIB, limit_bytes: 64 * MIB, shares: 'high' });
  assert.deepEqual(changes(mine, was), { limit_bytes: null }, 'a limit is taken away by null');
});

test('a slider of shares finds the levels, and every number its place', () => {
  const size = 128 * MIB;
  assert.equal(sharesNumber('normal', size), 1280);
  assert.equal(sharesAt(0, size), 'normal');
  assert.equal(sharesAt(1, size), 'high');
  assert.equal(sharesAt(-1, size), 'low');
  assert.equal(sharesAt(2, size), 5120);
  assert.equal(sharesPosition(5120, size), 2);
  assert.equal(sharesPosition('low', size), -1);
});

test('pools are a tree', () => {
  const pool = (name: string, parent?: string) => ({
    name,
    parent: parent ?? null,
    expandable: true,
    scalable_shares: true,
    limit_bytes: null,
    reservation_bytes: 0,
    shares: 'normal' as const,
    reservation_used_bytes: 0,
    unreserved_bytes: 0,
  });
  const pools = [pool('lab'), pool('inner', 'lab')];
  const vms = [vm('a', 1, { pool: 'inner' }), vm('b-10', 3), vm('b-2', 2)];
  const open = flatten(pools, vms, new Set());
  assert.deepEqual(open.map(({ name, depth }) => `${depth} ${name}`), ['1 b-2', '1 b-10', '1 lab', '2 inner', '3 a']);
  const lab = open[2];
  assert.deepEqual(lab?.kind === 'pool' && [lab.consumed, lab.members], [metrics.consumed_bytes, 1]);
  assert.deepEqual(flatten(pools, vms, new Set(['lab'])).map(({ name }) => name), ['b-2', 'b-10', 'lab']);
  assert.deepEqual([...within('lab', pools)], ['lab', 'inner']);
});

test('events are found by VM, kind and words, newest first', () => {
  const plan: Event = {
    seq: 3,
    at_milliseconds: 3,
    event: 'planned',
    trigger: 'period',
    state: 'high',
    state_before: 'high',
    free_bytes: 10 * MIB,
    high_bytes: 0,
    next_threshold_bytes: 0,
    shortfall_bytes: 0,
    for_guests_bytes: 0,
    unmet_bytes: 0,
    pace_bytes_per_second: null,
    vms: [],
    more_vms: 0,
    plans: 1,
    state_changes: 0,
  };
  const events = [created(1), created(2, 'b'), plan];
  const none = { vm: '', kind: '', text: '', all: false };
  const found = (filter: object) => filtered(events, { ...none, ...filter }).map((event) => event.seq);
  assert.ok(isRoutine(plan));
  const falls: Event = { ...plan, state: 'soft' };
  assert.deepEqual(news([created(1), falls, plan, { ...falls, seq: 4 }, created(5)], 3).map(({ seq }) => seq), [5, 4, 1]);
  assert.ok(isUsual(plan) && !isUsual({ ...plan, state: 'soft' }) && !isUsual(created(1)));
  assert.deepEqual(found({}), [2, 1]);
  assert.deepEqual(found({ all: true }), [3, 2, 1]);
  assert.deepEqual(found({ vm: 'b' }), [2]);
  assert.deepEqual(found({ kind: 'planned', all: true }), [3]);
  assert.deepEqual(found({ text: 'CREATED' }), [2, 1]);
  assert.equal(textOf(plan), 'The state is high, 10 MiB are free.');
  assert.equal(textOf({ ...created(1), event: 'something-new' } as unknown as Event), 'something new');
});

test('what is promised are sizes, or limits below them, and overhead', () => {
  const vms = [vmStatus('a', 1), vmStatus('b', 2, { limit_bytes: 64 * MIB }), vmStatus('c', 3, { limit_bytes: 512 * MIB })];
  assert.equal(promised(status({ vms })), (128 + 64 + 128 + 3 * 12) * MIB);
});

test('what was not measured does not count as used', () => {
  const vms = [vmStatus('a', 1, { active_part: 0.25, active_bytes: 32 * MIB }), vmStatus('b', 2, { active_bytes: 128 * MIB })];
  assert.deepEqual(activeOf(status({ vms })), { bytes: 32 * MIB, missing: 1 });
});
