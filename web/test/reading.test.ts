import assert from 'node:assert/strict';
import { test } from 'node:test';
import { address } from '../src/api/call.ts';
import { Messages } from '../src/api/sse.ts';
import { binarySteps, dashed, sparkline, spread, stack } from '../src/charts/data.ts';
import { sorted } from '../src/pages/overview/columns.tsx';
import { cut, draw, parseAddress, TOP } from '../src/state/picture.ts';
import { place } from '../src/state/place.ts';
import { bytesOf, Terminal } from '../src/state/terminal.ts';
import { vm, vmStatus } from './samples.ts';

test('messages are whole, wherever the pieces end', () => {
  const text = 'id: a-1\nevent: event\ndata: {"x":1}\n\n:\n\nid: a-2\nevent: status\ndata: one\ndata: two\n\n';
  for (let piece = 1; piece < text.length; piece += 1) {
    const messages = new Messages();
    const got = [];
    for (let at = 0; at < text.length; at += piece) got.push(...messages.take(text.slice(at, at + piece)));
    assert.deepEqual(got, [
      { id: 'a-1', kind: 'event', data: '{"x":1}' },
      { id: 'a-2', kind: 'status', data: 'one\ntwo' },
    ]);
  }
});

test('names are escaped in addresses', () => {
  assert.equal(address('/v1/vms/{name}/map/{gva}', { name: 'a/b', gva: '0x10' }), '/v1/vms/a%2Fb/map/0x10');
});

test('lines are stacked, and gaps stay gaps', () => {
  assert.deepEqual(stack([[1, 2, null], [10, 20, 30], [100, null, 300]]), [[111, null, null], [110, null, 330], [100, null, 300]]);
  assert.deepEqual(stack([]), []);
});

test('tables of history are short and end with the newest', () => {
  assert.deepEqual(spread(5, 10), [4, 3, 2, 1, 0]);
  assert.deepEqual(spread(0, 10), []);
  const indexes = spread(901, 30);
  assert.ok(indexes.length <= 30 && indexes[0] === 900);
});

test('a sparkline stays in its box', () => {
  assert.equal(sparkline([1], 50, 20), '');
  assert.equal(sparkline([0, 10], 50, 20), 'M0.0 19.0L50.0 1.0');
  assert.equal(sparkline([0, 0], 50, 20), 'M0.0 19.0L50.0 19.0', 'nothing is a line at the foot');
  assert.equal(sparkline([1, null, 1], 50, 20), 'M0.0 1.0M50.0 1.0');
});

test('axes are marked at round binary sizes', () => {
  assert.deepEqual(binarySteps(0, 300, 100), [0, 128, 256]);
});

test('VMs are in order of any column; those without a value come last', () => {
  const vms = [
    vm('vm10', 1, { memory: vmStatus('vm10', 1, { consumed_bytes: 5 }) }),
    vm('vm2', 2, { memory: vmStatus('vm2', 2, { consumed_bytes: 9 }) }),
    vm('vm1', null),
  ];
  const names = (by: string, down: boolean) => sorted(vms, { by, down }).map(({ name }) => name);
  assert.deepEqual(names('name', false), ['vm1', 'vm2', 'vm10']);
  assert.deepEqual(names('consumed_bytes', true), ['vm2', 'vm10', 'vm1']);
  assert.deepEqual(names('consumed_bytes', false), ['vm10', 'vm2', 'vm1']);
});

test('a terminal edits lines as shells do', () => {
  const shown = (said: string): string => {
    const terminal = new Terminal();
    // Sequences may come in pieces.
    for (const sign of said) terminal.write(sign);
    return terminal.text;
  };
  assert.equal(shown('one\r\ntwo'), 'one\ntwo');
  assert.equal(shown('abc\rX'), 'Xbc');
  assert.equal(shown('abc\b\b\u001b[KX'), 'aX');
  assert.equal(shown('a\tb'), 'a       b');
  assert.equal(shown('\u001b[1;31mred\u001b[0m \u001b]0;title\u0007text'), 'red text');
  assert.equal(shown('ab\u001b[2DX\u001b[3CY'), 'Xb  Y');
  assert.equal(shown('bell\u0007\u0000'), 'bell');
});

test('a terminal is bounded, whatever is said', () => {
  const terminal = new Terminal();
  terminal.write('line\r\n'.repeat(5000));
  assert.equal(terminal.text.split('\n').length, 2000);
  terminal.write(`\u001b[${'9'.repeat(500)}B\u001b[999999999Cx`);
  assert.ok(terminal.text.length < 20_000);
  terminal.write('x'.repeat(2000));
  assert.ok(terminal.text.split('\n').every((line) => line.length <= 512));
});

test('keys become what a terminal sends, and Tab stays with the browser', () => {
  const key = (name: string, ctrlKey = false) => bytesOf({ key: name, ctrlKey, altKey: false, metaKey: false });
  assert.equal(key('a'), 'a');
  assert.equal(key('c', true), '\u0003');
  assert.equal(key('Enter'), '\r');
  assert.equal(key('ArrowUp'), '\u001b[A');
  assert.equal(key('Tab'), null);
  assert.equal(key('F5'), null);
});

test('addresses are read and cut as the walk does', () => {
  assert.equal(parseAddress('0x3F80AC8000'), '0x3f80ac8000');
  assert.equal(parseAddress('ffffffff80000000'), '0xffffffff80000000');
  assert.equal(parseAddress('0x'), null);
  assert.equal(parseAddress('12345678901234567'), null);
  assert.deepEqual(cut('0x3f80ac8123', 3), { indexes: [254, 5, 200], offset: 0x123 });
  assert.equal(cut('0xffffffff80000000', 4).indexes.length, 4);
});

/** A map of a guest of 1 MiB that shows nothing. */
const empty = {
  name: 'a',
  cpu: 0,
  technique: 'software',
  space: { mode: 'sv39', asid: 0, root_table_gfn: '0x80000' },
  pages: { ballooned_bytes: 0, compressed_bytes: 0, private_bytes: 0, shared_bytes: 0, swapped_bytes: 0, untouched_bytes: 0, zero_bytes: 0 },
  first_gfn: '0x80000',
  guest_frames: 256,
  pool_frames: 1024,
  mapped_pages: 2,
  shadow_entries: 0,
};

test('pages are drawn where they are', () => {
  const page = (gva: string, gfn: string, mfn: string | null) => ({ gva, gfn, mfn, permissions: 'rw-u', shadowed: false });
  const map = {
    ...empty,
    sample: [page('0x1000', '0x80080', '0x0'), page('0x2000', '0x80000', null)],
  };
  const picture = draw(map, 'scale');
  const [first, second] = picture.links;
  assert.ok(first && second);
  assert.ok(first.gva < second.gva && first.gpa > second.gpa);
  assert.equal(second.machine, null);
  assert.ok(first.labelled && !second.labelled, 'neighbours share a label');
  assert.equal(first.gpa, TOP + (picture.foot - TOP) / 2, 'to scale: the page in the middle is in the middle');
});

test('pages in order are apart evenly, and equal frames in one place', () => {
  const page = (gfn: string, mfn: string | null) => ({ gva: gfn, gfn, mfn, permissions: 'rw-u', shadowed: false });
  const sample = [page('0x80003', '0x9'), page('0x80000', '0x9'), page('0x80001', '0x5'), page('0x80002', null)];
  const { links, foot } = draw({ ...empty, sample }, 'order');
  const tall = foot - TOP;
  const part = (height: number | null | undefined) => (height === null || height === undefined ? null : (height - TOP) / tall);
  assert.deepEqual(links.map(({ gpa }) => part(gpa)), [0.875, 0.125, 0.375, 0.625]);
  assert.deepEqual(links.map(({ machine }) => part(machine)), [0.75, 0.75, 0.25, null]);
});

test('a meaning stays within what can be seen, and on its side where there is room', () => {
  const view = { width: 360, height: 800 };
  const box = { width: 300, height: 100 };
  const at = (left: number, top: number) => ({ left, top, bottom: top + 20 });
  assert.deepEqual(place(at(20, 100), box, view, 'below'), { left: 20, top: 126 });
  assert.deepEqual(place(at(340, 100), box, view, 'below'), { left: 52, top: 126 });
  assert.deepEqual(place(at(0, 750), box, view, 'below'), { left: 8, top: 644 });
  assert.deepEqual(place(at(20, 400), box, view, 'above'), { left: 20, top: 294 });
  assert.deepEqual(place(at(20, 50), box, view, 'above'), { left: 20, top: 76 });
});

test('lines are told apart by more than their colours', () => {
  const looks = [0, 1, 2, 3].map((line) => dashed(line, 'red'));
  assert.equal(looks[0], 'red');
  assert.equal(looks[1], 'repeating-linear-gradient(to right, red 0px 8px, transparent 8px 12px)');
  assert.equal(new Set(looks).size, 4);
});
