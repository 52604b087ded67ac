import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { makeScratch } from '../../../src/sandbox/scratch.ts';

const script = resolve('scripts/setup/installed.mjs');
const wanted = {
  '': {},
  'node_modules/a': { version: '1.0.0' },
  'node_modules/b': { version: '2.0.0', optional: true },
};

const cases: readonly (readonly [string, unknown, number])[] = [
  [
    'all of the lock file is there',
    { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0' } },
    0,
  ],
  ['an optional package is missing', { 'node_modules/a': { version: '1.0.0' } }, 0],
  ['a package is missing', { 'node_modules/b': { version: '2.0.0' } }, 1],
  ['a package has another version', { 'node_modules/a': { version: '1.0.1' } }, 1],
  [
    'a package is too many',
    { 'node_modules/a': { version: '1.0.0' }, 'node_modules/c': { version: '1.0.0' } },
    1,
  ],
  ['nothing was installed', undefined, 1],
];

for (const [name, present, status] of cases) {
  test(`${name}: ${status === 0 ? 'nothing to install' : 'npm ci is needed'}`, () => {
    const dir = makeScratch();
    try {
      writeFileSync(join(dir, 'package-lock.json'), JSON.stringify({ packages: wanted }));
      mkdirSync(join(dir, 'node_modules'));
      if (present !== undefined) {
        writeFileSync(join(dir, 'node_modules/.package-lock.json'), JSON.stringify({ packages: present }));
      }
      assert.equal(spawnSync(process.execPath, [script], { cwd: dir }).status, status);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
}
