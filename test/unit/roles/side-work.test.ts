import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SideWork } from '../../../src/roles/side-work.ts';
import { Alarm } from '../../../src/roles/alarm.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

describe('work beside a loop', () => {
  let finish = (): void => undefined;
  const stop = new AbortController();
  const alarm = new Alarm(new VirtualClock(), stop.signal);
  const work = new SideWork();
  let begun = 0;
  const look = (now: number, notBefore?: number) =>
    work.look(
      now,
      () => {
        begun += 1;
        return new Promise((resolve) => (finish = resolve));
      },
      alarm,
      notBefore,
    );

  it('is not begun before it is due', () => {
    work.dueAt = 100;
    assert.deepEqual([look(99), look(99, 200), look(150, 200), begun], [100, 200, 200, 0]);
  });

  it('goes on once at a time, and its end rings', async () => {
    assert.deepEqual([look(100), look(1000), begun], [Infinity, Infinity, 1]);
    finish();
    await alarm.wait(Infinity);
    assert.equal(look(1001, 2000), 2000);
    stop.abort();
  });
});
