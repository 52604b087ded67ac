import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { filesOf, strayFiles } from '../../../scripts/testing/phases.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';

test('what takes long is in the folder `full` of its phase, and runs only when all is asked for', (context) => {
  const root = makeScratch();
  for (const file of ['integration/one.test.ts', 'integration/full/two.test.ts', 'integration/helper.ts']) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), '');
  }
  const before = process.env['DCMHA_TESTS'];
  context.after(() => {
    rmSync(root, { recursive: true });
    if (before === undefined) delete process.env['DCMHA_TESTS'];
    else process.env['DCMHA_TESTS'] = before;
  });
  const found = () => filesOf(root, 'integration').map((file) => path.relative(root, file));
  delete process.env['DCMHA_TESTS'];
  assert.deepEqual(found(), ['integration/one.test.ts']);
  process.env['DCMHA_TESTS'] = 'all';
  assert.deepEqual(found(), ['integration/full/two.test.ts', 'integration/one.test.ts']);
  assert.deepEqual(strayFiles(root), []);
});
