import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workersFor } from '../../../src/core/perform/catch-up.ts';

test('few missing transactions get few appliers, many get many', () => {
  const counts = [1, 8, 30, 64, 200, 1000, 20_000].map(workersFor);
  assert.deepEqual(counts, [1, 1, 4, 4, 8, 16, 16]);
});
