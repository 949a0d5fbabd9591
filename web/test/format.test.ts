import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference, exact, parseSize, rate, size } from '../src/format/size.ts';
import { count, duration, paragraphs, percent, sentence, words } from '../src/format/text.ts';

test('sizes are short, in binary units, and never 1024 of one', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.50 KiB'],
    [10 * 1024 + 512, '10.5 KiB'],
    [1024 ** 2 - 1, '1 MiB'],
    [432_013_312, '412 MiB'],
    [256 * 1024 ** 2, '256 MiB'],
    [1024 ** 3, '1 GiB'],
    [5.25 * 1024 ** 4, '5.25 TiB'],
    [-4096, '−4 KiB'],
  ];
  for (const [bytes, text] of cases) assert.equal(size(bytes), text);
});

test('differences have a sign, rates a time, exact ones all their digits', () => {
  assert.equal(difference(4096), '+4 KiB');
  assert.equal(difference(-4096), '−4 KiB');
  assert.equal(difference(0), '0 B');
  assert.equal(rate(2 ** 20), '1 MiB/s');
  assert.equal(exact(432_013_312), '432,013,312 bytes');
  assert.equal(exact(1), '1 byte');
});

test('sizes are read as people type them, in whole pages', () => {
  assert.equal(parseSize('512MiB'), 512 * 2 ** 20);
  assert.equal(parseSize(' 1.5 g '), 1.5 * 2 ** 30);
  assert.equal(parseSize('64 kib'), 65536);
  assert.equal(parseSize('8192'), 8192);
  assert.equal(parseSize('5000'), 4096);
  for (const wrong of ['', 'MiB', '-1 MiB', '1 2', '1 Mib x', '1e9', '∞', '99999999 P']) assert.equal(parseSize(wrong), null, wrong);
});

test('what is shown is read back within its rounding', () => {
  for (let bytes = 4096; bytes < 2 ** 42; bytes = Math.round((bytes * 3.7) / 4096) * 4096) {
    const back = parseSize(size(bytes));
    assert.ok(back !== null && Math.abs(back - bytes) <= bytes * 0.005 + 4096, `${bytes} ${size(bytes)} ${back}`);
  }
});

test('parts, times and words', () => {
  assert.equal(percent(0), '0 %');
  assert.equal(percent(0.0003), '<0.1 %');
  assert.equal(percent(0.0123), '1.2 %');
  assert.equal(percent(0.5), '50 %');
  assert.equal(duration(0.4), '0 s');
  assert.equal(duration(61), '1 min 1 s');
  assert.equal(duration(3600), '1 h');
  assert.equal(duration(93_784), '1 d 2 h');
  assert.equal(count(1234567), '1,234,567');
  assert.equal(words('vm-started'), 'vm started');
  assert.equal(sentence('vm started'), 'Vm started');
});

test('what is indented in a text is a list', () => {
  assert.deepEqual(paragraphs('One.\n\nIt would help:\n  a\n  b\nTwo.\n'), [
    { line: 'One.', items: [] },
    { line: 'It would help:', items: ['a', 'b'] },
    { line: 'Two.', items: [] },
  ]);
});
