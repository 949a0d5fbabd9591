// What the interface has of VMs and pools has a field in a form, at creation and when it is changed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { another, sent, specOf, typedOf } from '../src/state/vmForm.ts';
import { changes, rebase } from '../src/state/edits.ts';
import { fields, groups, type EditedOn, type FieldName } from '../src/words/fields.ts';
import { MIB, vm } from './samples.ts';

// Tests are run in web/.
const { schemas } = JSON.parse(readFileSync('../docs/openapi.json', 'utf8')).components as {
  schemas: Record<string, { properties: Record<string, unknown>; required?: string[] }>;
};
const described = (type: string): string[] => Object.keys(schemas[type]?.properties ?? {}).sort();
const source = (page: string): string => readFileSync(`src/pages/${page}.tsx`, 'utf8');
const on = (page: EditedOn): FieldName[] => groups.filter((group) => group.on === page).flatMap(({ names }) => names);

const wanted = (type: string, ...beside: string[]): string[] => described(type).filter((name) => !beside.includes(name));

test('every field of a new VM is in the form that creates one, once', () => {
  const shown = groups.flatMap(({ names }) => names);
  assert.deepEqual([...shown].sort(), wanted('VmSpec', 'name'));
  assert.match(source('overview/CreateVm'), /<VmFields names=\{first\.names\}[^]*others\.map[^]*<VmFields names=\{names\}/);
  const typed = another(vm('like', null, { kernel: '/srv/Image' }));
  assert.deepEqual(Object.keys(typed).sort(), wanted('VmSpec', 'name'), 'each has a text');
});

test('every field of a VM that can be changed is on one of its pages', () => {
  assert.deepEqual(groups.flatMap(({ names }) => names).sort(), wanted('VmChange'));
  assert.match(source('vm/VmSettings'), /<VmFields names=\{group\.names\}/);
  const byHand: [EditedOn, string, (name: string) => RegExp][] = [
    ['allocation', 'vm/AllocationFields', (name) => new RegExp(`\\.\\.\\.allocation, ${name}: `)],
    ['mmu', 'vm/Mmu', (name) => new RegExp(`body: \\{ ${name} \\}`)],
    ['power', 'vm/PowerSettings', (name) => new RegExp(`change\\(\\{ ${name}\\b`)],
  ];
  for (const [page, file, edit] of byHand) for (const name of on(page)) assert.match(source(file), edit(name), `${file} changes ${name}`);
});

test('every field of a resource pool is in its form', () => {
  const dialog = source('pools/PoolDialog');
  const edits = [...dialog.matchAll(/\.\.\.draft, (\w+)/g)].map(([, name]) => name ?? '');
  assert.deepEqual([...new Set(edits)].sort(), wanted('PoolSpec'));
  assert.deepEqual(wanted('PoolSpec', 'name'), wanted('PoolChange'));
});

test('every choice that the interface has can be made', () => {
  const choices = (type: string): string[] => [...((schemas[type] as { enum?: string[] }).enum ?? [])].sort();
  for (const [name, type] of [['mmu', 'Mmu'], ['autostart', 'Autostart'], ['on_reboot', 'Afterwards'], ['on_panic', 'Afterwards']] as const) {
    const { kind } = fields[name];
    assert.deepEqual(typeof kind === 'object' && Object.keys(kind).sort(), choices(type), name);
  }
});

test('what is typed for a new VM is what is asked for, and what is not is as by default', () => {
  const typed = { ...another(undefined), kernel: ' /srv/Image ', salt: 'ours', swap_dir: '/srv/swap', balloon_max_bytes: '64 MiB', sharing: 'no', shares: '700' };
  assert.deepEqual(specOf(' web ', typed), {
    name: 'web',
    memory_bytes: 256 * MIB,
    cpus: 1,
    kernel: '/srv/Image',
    append: 'console=ttyS0',
    reservation_bytes: 0,
    shares: 700,
    balloon_max_bytes: 64 * MIB,
    sharing: false,
    salt: 'ours',
    swap_dir: '/srv/swap',
    zip: true,
    mmu: 'automatic',
    autostart: 'last',
    autostart_delay_seconds: 0,
    on_reboot: 'restart',
    on_panic: 'keep',
  });
  assert.equal(specOf('web', { ...typed, append: '' }).append, '', 'a command line may be empty');
  assert.equal(another(vm('like', 1, { kernel: '/a', append: 'quiet' })).append, 'quiet', 'it boots as another does');
});

test('only what is typed anew is sent, and nothing takes away', () => {
  const names = [...on('settings')];
  const was = typedOf(vm('web', null, { salt: 'ours', memory_bytes: 100 * MIB + 4096, swap_dir: '/srv' }), names);
  assert.deepEqual(sent(changes(was, { ...was })), {}, 'what is shown rounded is not rounded by that');
  const mine = { ...was, salt: '', zip: 'no', cpus: '2', pool: 'lab', balloon_max_bytes: '0 B' };
  const change = { salt: null, zip: false, cpus: 2, pool: 'lab', balloon_max_bytes: 0 };
  assert.deepEqual(sent(changes(was, mine)), change);
  const theirs = { ...was, swap_dir: '' };
  assert.deepEqual(sent(changes(was, rebase(was, mine, theirs))), { ...change, swap_dir: null });
  assert.throws(() => sent({ memory_bytes: '99999999999999 TiB' }), /Memory: '99999999999999 TiB' is no size/);
});
