import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inTurn } from '../../../src/cli/in-turn.ts';

/** Work that ends when it is told to, and what was begun so far. */
function stage() {
  const begun: string[] = [];
  const ends = new Map<string, (result: string) => void>();
  const turns = {
    run: (item: string) => {
      begun.push(item);
      return new Promise<string>((resolve) => ends.set(item, resolve));
    },
    goesOn: (result: string) => !result.endsWith('failed'),
    left: (item: string) => `${item} left`,
  };
  const end = async (item: string, result = 'done'): Promise<void> => {
    ends.get(item)?.(`${item} ${result}`);
    await new Promise(setImmediate);
  };
  return { begun, turns, end };
}

test('items are done in their order, no more at a time than asked for', async () => {
  const { begun, turns, end } = stage();
  const all = inTurn(['a', 'b', 'c'], 2, turns);
  assert.deepEqual(begun, ['a', 'b']);
  await end('b');
  assert.deepEqual(begun, ['a', 'b', 'c']);
  await end('c');
  await end('a');
  assert.deepEqual(await all, ['a done', 'b done', 'c done']);
});

test('one that fails lets those end that run, and begins no other', async () => {
  const { begun, turns, end } = stage();
  const all = inTurn(['a', 'b', 'c'], 2, turns);
  await end('a', 'failed');
  await end('b');
  assert.deepEqual(begun, ['a', 'b']);
  assert.deepEqual(await all, ['a failed', 'b done', 'c left']);
});

test('Ctrl-C lets those end that run, and begins no other', async () => {
  const { turns, end } = stage();
  const all = inTurn(['a', 'b'], 1, turns);
  process.emit('SIGINT');
  await end('a');
  assert.deepEqual(await all, ['a done', 'b left']);
  assert.equal(process.listenerCount('SIGINT'), 0);
});
