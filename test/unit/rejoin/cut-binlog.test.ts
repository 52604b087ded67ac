import assert from 'node:assert/strict';
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { cutBinlog } from '../../../src/adapters/fs/cut-binlog.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';

describe('cutting a binlog file', () => {
  let dir: string;
  const cut = (name: string, sizeBytes: number) =>
    cutBinlog({ indexFile: path.join(dir, 'binlog.index'), dataDirectory: dir }, name, sizeBytes);
  const text = (name: string) => readFileSync(path.join(dir, name), 'utf8');

  beforeEach(() => {
    dir = makeScratch();
    writeFileSync(path.join(dir, 'binlog.000001'), 'whole and torn');
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test('leaves so many bytes, also when it is done again', async () => {
    await cut('binlog.000001', 5);
    await cut('binlog.000001', 5);
    assert.equal(text('binlog.000001'), 'whole');
  });

  test('never makes a file longer', async () => {
    await cut('binlog.000001', 100);
    assert.equal(text('binlog.000001'), 'whole and torn');
  });

  test('follows no link, and leaves its directory with no name', async () => {
    symlinkSync('binlog.000001', path.join(dir, 'link'));
    await assert.rejects(cut('link', 5), { code: 'UNEXPECTED', message: /^cannot cut .*link: ELOOP/ });
    await assert.rejects(cut('../elsewhere/absent', 5), { code: 'UNEXPECTED', message: /absent: ENOENT/ });
    assert.equal(text('binlog.000001'), 'whole and torn');
  });
});
