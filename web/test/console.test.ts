import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pieces } from '../src/api/console.ts';

test('what is pasted goes in messages that the host takes, and all of it', () => {
  for (const length of [0, 1, 16_384, 16_385, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, index) => index % 251);
    const sent = pieces(bytes);
    assert.ok(sent.every((piece) => piece.length > 0 && piece.length <= 32 * 1024));
    assert.deepEqual(sent.flatMap((piece) => [...piece]), [...bytes]);
  }
});
