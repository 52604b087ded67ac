import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Distrust } from '../../../src/core/peer/distrust.ts';

describe('what was turned away', () => {
  it('is news once for as long as it goes on, and over ten minutes after the last', () => {
    let now = 0;
    const distrust = new Distrust(() => now);
    assert.equal(distrust.text, undefined);
    assert.ok(distrust.note('a wrong proof', '10.0.0.9'));
    for (now = 0; now < 3_600_000; now += 300_000) assert.ok(!distrust.note('a wrong proof', '10.0.0.9'));
    assert.equal(distrust.text, 'a wrong proof (from 10.0.0.9)');
    now += 600_001;
    assert.equal(distrust.text, undefined);
    assert.ok(distrust.note('a wrong proof', '10.0.0.9'));
  });

  it('is told of as a few things at most, whoever makes up more', () => {
    const distrust = new Distrust(() => 0);
    const news = Array.from({ length: 1000 }, (_, at) =>
      distrust.note('a wrong proof', `10.0.${at >> 8}.${at & 255}`),
    );
    assert.deepEqual(news.filter(Boolean).length, 3);
    assert.equal(distrust.text?.split('; ').length, 3);
  });
});
