import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Trouble } from '../../../src/core/trouble.ts';

test('the same trouble is news once, another is, and the same again after it was over', () => {
  const trouble = new Trouble();
  assert.deepEqual(
    ['no answer', 'no answer', 'denied', 'no answer'].map((what) => trouble.isNews(what)),
    [true, false, true, true],
  );
  assert.deepEqual([trouble.over(), trouble.over()], [true, false]);
  assert.equal(trouble.isNews('no answer'), true);
});
