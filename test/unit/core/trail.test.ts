import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EMPTY_GTID_SET, parseGtidSet } from '../../../src/core/gtid/gtid-set.ts';
import { lossSpan } from '../../../src/core/model/trail.ts';
import { WatermarkTrail } from '../../../src/roles/agent/watermark.ts';
import type { Watermark } from '../../../src/core/model/group.ts';
import { gtids } from '../../support/group-builder.ts';

/** A primary that commits `perSecond` transactions a second for so many seconds, and is renewed each second. */
function after(seconds: number, perSecond: number, trail = new WatermarkTrail()): Watermark {
  let watermark: Watermark = { epoch: 1, executed: '', at: 0 };
  for (let n = 1; n <= seconds; n += 1) {
    const executed = gtids(`1-${Math.max(1, Math.floor(n * perSecond))}`);
    watermark = trail.watermark({ epoch: 1, executed, at: n * 1000, mysql: '9.7.4' });
  }
  return watermark;
}

function spanOf(missing: string, watermark: Watermark, endedAt?: number): number | undefined {
  const known = {
    executed: parseGtidSet(watermark.executed),
    at: watermark.at,
    trail: watermark.trail ?? [],
  };
  return lossSpan(missing === '' ? EMPTY_GTID_SET : parseGtidSet(missing), known, endedAt);
}

describe('how old a loss is', () => {
  it('tells by the second what is young, and never too little', () => {
    const watermark = after(100, 10);
    for (const lostSeconds of [1, 2, 3, 5, 7, 12, 25, 50]) {
      const span = spanOf(gtids(`${1000 - lostSeconds * 10 + 1}-1000`), watermark) ?? Infinity;
      assert.ok(
        span >= lostSeconds * 1000 && span <= lostSeconds * 2000 + 1000,
        `${lostSeconds} s: ${span} ms`,
      );
    }
  });

  it('is nothing when nothing is lost', () => assert.equal(spanOf('', after(10, 1)), 0));

  it('does not count the quiet time before the one transaction that is lost', () => {
    const trail = new WatermarkTrail();
    for (let n = 1; n <= 600; n += 1)
      trail.watermark({ epoch: 1, executed: gtids('1-5'), at: n * 1000, mysql: undefined });
    const watermark = trail.watermark({ epoch: 1, executed: gtids('1-6'), at: 601_000, mysql: undefined });
    assert.equal(spanOf(gtids('6'), watermark), 1000);
  });

  it('counts to the moment the primary ended, where its agent saw that', () => {
    const watermark = after(100, 10);
    assert.equal(spanOf(gtids('1001-1004'), watermark, 100_700), 700);
    assert.equal(spanOf(gtids('991-1004'), watermark, 100_700), 1700);
  });

  it('says that it does not know what is older than the trail', () => {
    assert.equal(spanOf(gtids('1-1000'), after(100, 10)), undefined);
    assert.equal(spanOf(gtids('5'), { epoch: 1, executed: gtids('1-9'), at: 1000 }), undefined);
  });

  it('stays small however long it goes on, and forgets with a new epoch', () => {
    const trail = new WatermarkTrail();
    const long = after(5000, 3, trail);
    assert.ok((long.trail?.length ?? 0) <= 17, `${long.trail?.length ?? 0} entries`);
    const next = trail.watermark({ epoch: 2, executed: gtids('1-16000'), at: 5_001_000, mysql: '9.7.4' });
    assert.deepEqual(next.trail, []);
  });
});
