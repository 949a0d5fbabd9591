// What is asked for anew, and what a command says when.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { effect } from '@preact/signals';
import type { Operation } from '../src/api/schema.ts';
import { Anew } from '../src/state/anew.ts';
import { stop } from '../src/state/commands.ts';
import { findVm, model } from '../src/state/host.ts';
import { afterSnapshot } from '../src/state/model.ts';
import { notices } from '../src/state/notices.ts';
import { snapshot, vm } from './samples.ts';

/** A list whose answers come when they are given. */
function list() {
  const given: ((answer: string | Error) => void)[] = [];
  const taken: string[] = [];
  const ask = (): Promise<string> =>
    new Promise((resolve, reject) => given.push((answer) => (typeof answer === 'string' ? resolve(answer) : reject(answer))));
  const give = async (number: number, answer: string | Error): Promise<void> => {
    given[number]?.(answer);
    await new Promise(setImmediate);
  };
  return { anew: new Anew(ask, (answer) => taken.push(answer)), asked: () => given.length, give, taken };
}

test('an answer does not come back after one that was asked for later', async () => {
  const { anew, give, taken } = list();
  const [first, second] = [anew.now(), anew.now()];
  await give(1, 'new');
  await give(0, 'old');
  await Promise.all([first, second]);
  assert.deepEqual(taken, ['new']);
  const third = anew.now();
  anew.outdate();
  await give(2, 'older than what came otherwise');
  await third;
  assert.deepEqual(taken, ['new']);
  const [fourth, fifth] = [anew.now(), anew.now()];
  await give(4, new Error('the host does not answer'));
  await give(3, 'as new as can be had');
  await Promise.all([fourth, fifth]);
  assert.deepEqual(taken, ['new', 'as new as can be had']);
});

test('many wishes become one, which is not put off by more of them', (context) => {
  let waiting: (() => void) | undefined;
  const wait = context.mock.method(globalThis, 'setTimeout', (run: () => void) => ((waiting = run), 1));
  context.mock.method(globalThis, 'clearTimeout', () => (waiting = undefined));
  const { anew, asked } = list();
  for (let wish = 0; wish < 10; wish += 1) anew.soon();
  assert.deepEqual([wait.mock.callCount(), asked()], [1, 0]);
  waiting?.();
  assert.equal(asked(), 1);
  anew.soon();
  assert.equal(wait.mock.callCount(), 2, 'one that comes later');
  void anew.now();
  assert.deepEqual([waiting, asked()], [undefined, 2], 'who does not wait asks for all');
});

test('what came of a command is said when it is to be seen', async (context) => {
  const operation = { id: 1, kind: 'stop', vm: 'a', state: 'done', message: 'a is powered off', problem: null } as Operation;
  context.mock.method(globalThis, 'fetch', async (url: string) => {
    if (url !== '/v1/vms') return Response.json(operation);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return Response.json({ items: [vm('a', null, { power: 'stopped' })], next: null });
  });
  model.value = afterSnapshot(snapshot({ vms: [vm('a', 1, { power: 'running' })] }));
  const seen: unknown[] = [];
  const end = effect(() => {
    for (const { text } of notices.value) seen.push([text, findVm('a')?.power]);
  });
  assert.ok(await stop('a', true));
  end();
  assert.deepEqual(seen, [['A is powered off', 'stopped']]);
});
