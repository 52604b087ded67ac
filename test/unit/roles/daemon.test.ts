import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { Alarm } from '../../../src/roles/alarm.ts';
import { abortOnSignals, runLoops, type Loop } from '../../../src/roles/daemon.ts';
import { Mutex } from '../../../src/roles/mutex.ts';
import { recordingLog, silentLog } from '../../support/test-log.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

test('a loop that fails is begun again after a growing pause', async () => {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const begun: number[] = [];
  const failing: Loop = {
    name: 'failing',
    run: () => {
      begun.push(clock.monotonic());
      return Promise.reject(new Error('no'));
    },
    onFailure: 'restart',
  };
  const log = recordingLog();
  const all = runLoops([failing], { signal: stop.signal, clock, log });
  await clock.runFor(1000);
  assert.deepEqual(begun, [0, 100, 300, 700]);
  assert.equal(log.lines[0]?.fields['loop'], 'failing');
  stop.abort();
  await clock.runThrough(all);
});

test('a loop that the role cannot do without ends all others and is thrown', async () => {
  const clock = new VirtualClock();
  let ended = false;
  const loops: Loop[] = [
    {
      name: 'other',
      run: async (signal) => {
        await clock.pause(1e9, signal);
        ended = true;
      },
      onFailure: 'restart',
    },
    {
      name: 'needed',
      run: async () => {
        await clock.pause(50);
        throw new Error('gone');
      },
      onFailure: 'end',
    },
  ];
  const all = runLoops(loops, { signal: new AbortController().signal, clock, log: silentLog });
  await assert.rejects(clock.runThrough(all), /gone/);
  assert.equal(ended, true);
});

test('a loop that does not end when asked to is not waited for longer than the grace', async () => {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const log = recordingLog();
  const deaf: Loop = { name: 'deaf', run: () => clock.pause(1e9), onFailure: 'restart' };
  const all = runLoops([deaf], { signal: stop.signal, clock, log, graceMs: 300 });
  stop.abort();
  await clock.runThrough(all);
  assert.equal(clock.monotonic(), 300);
  assert.equal(log.lines.at(-1)?.level, 'warn');
});

test('SIGTERM and SIGINT abort', () => {
  for (const name of ['SIGTERM', 'SIGINT']) {
    const source = new EventEmitter();
    const signal = abortOnSignals(source);
    assert.equal(signal.aborted, false);
    source.emit(name);
    assert.equal(signal.aborted, true);
  }
});

test('an alarm ends a wait, keeps one ring, and rings when its role ends', async () => {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const alarm = new Alarm(clock, stop.signal);
  const waited = async (ms: number): Promise<number> => {
    const began = clock.monotonic();
    await clock.runThrough(alarm.wait(ms));
    return clock.monotonic() - began;
  };
  assert.equal(await waited(100), 100);
  alarm.ring();
  alarm.ring();
  assert.equal(await waited(100), 0);
  assert.equal(await waited(100), 100);
  const ringing = alarm.wait(1e6);
  stop.abort();
  await clock.runThrough(ringing);
  assert.ok(clock.monotonic() < 1e6);
});

test('a mutex runs one task at a time, in order, and goes on after a failure', async () => {
  const mutex = new Mutex();
  const seen: string[] = [];
  const task =
    (name: string, fails = false) =>
    async (): Promise<string> => {
      seen.push(`${name} begins`);
      await Promise.resolve();
      seen.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const results = await Promise.allSettled([
    mutex.run(task('a')),
    mutex.run(task('b', true)),
    mutex.run(task('c')),
  ]);
  assert.deepEqual(seen, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});
