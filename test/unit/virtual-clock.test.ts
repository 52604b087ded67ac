import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../support/virtual-clock.ts';

test('pauses end in the order of their deadlines, equal ones in the order they were asked for', async () => {
  const clock = new VirtualClock();
  const order: string[] = [];
  const sleep = async (name: string, ms: number): Promise<void> => {
    await clock.pause(ms);
    order.push(`${name}@${clock.monotonic()}`);
  };
  const all = Promise.all([sleep('late', 30), sleep('b', 20), sleep('c', 20), sleep('a', 10)]);
  await clock.runFor(25);
  assert.deepEqual(order, ['a@10', 'b@20', 'c@20']);
  await clock.runFor(5);
  await all;
  assert.equal(order.at(-1), 'late@30');
});

test('a pause that a woken task starts is served within the same run', async () => {
  const clock = new VirtualClock();
  let ticks = 0;
  const stop = new AbortController();
  const loop = (async () => {
    while (!stop.signal.aborted) {
      await clock.pause(100, stop.signal);
      ticks += 1;
    }
  })();
  await clock.runFor(1000);
  assert.equal(ticks, 10);
  stop.abort();
  await loop;
});

test('runThrough gives back what the promise gave, and its failure', async () => {
  const clock = new VirtualClock();
  assert.equal(await clock.runThrough(clock.pause(500).then(() => 7)), 7);
  await assert.rejects(
    clock.runThrough(
      clock.pause(5).then(() => {
        throw new Error('late');
      }),
    ),
    /late/,
  );
  await assert.rejects(clock.runThrough(new Promise(() => undefined)), /still not so/);
});

test('work that is put off is done at its time, unless it is called off', async () => {
  const clock = new VirtualClock();
  const order: string[] = [];
  clock.after(20, () => order.push(`kept@${clock.monotonic()}`));
  clock.after(10, () => order.push('called off'))();
  await clock.runFor(30);
  assert.deepEqual(order, ['kept@20']);
});
