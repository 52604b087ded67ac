import assert from 'node:assert/strict';
import { appendFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { BinlogFiles, openBinlogFile } from '../../../src/adapters/fs/binlog-files.ts';
import type { OpenBinlogFile } from '../../../src/ports/binlog-source.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';

let dir = '';
const inDir = (name: string): string => path.join(dir, 'data', name);

before(async () => {
  dir = makeScratch();
  await mkdir(inDir('folder'), { recursive: true });
  await writeFile(inDir('binlog.000001'), 'one');
  await writeFile(inDir('binlog.000002'), 'second');
  await writeFile(path.join(dir, 'secret'), 'secret');
  await symlink(path.join(dir, 'secret'), inDir('binlog.000003'));
  await writeFile(inDir('binlog.index'), `./binlog.000001\n${inDir('binlog.000002')}\n`);
});
after(() => rm(dir, { recursive: true }));

async function readAll(file: OpenBinlogFile, start = 0, end?: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of file.read(start, end)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('the files of the index are listed in its order, with their sizes', async () => {
  assert.deepEqual(await new BinlogFiles({ indexFile: inDir('binlog.index') }).list(), [
    { name: 'binlog.000001', sizeBytes: 3 },
    { name: 'binlog.000002', sizeBytes: 6 },
  ]);
});

test('a file is read in ranges, and further when it grew', async () => {
  await using file = await new BinlogFiles({ indexFile: inDir('binlog.index') }).open('binlog.000002');
  assert.equal(await readAll(file), 'second');
  assert.equal(await readAll(file, 1, 4), 'eco');
  assert.equal(await readAll(file, 6), '');
  await appendFile(inDir('binlog.000002'), ' part');
  assert.equal(await file.sizeBytes(), 11);
  assert.equal(await readAll(file, 6), ' part');
});

test('a file bigger than a chunk comes whole and in order', async () => {
  const bytes = Buffer.alloc(3_500_000, 'abcdefg');
  await writeFile(inDir('big'), bytes);
  await using file = await openBinlogFile(inDir('big'));
  const chunks: Buffer[] = [];
  for await (const chunk of file.read(5)) chunks.push(chunk);
  assert.ok(chunks.length > 2 && Buffer.concat(chunks).equals(bytes.subarray(5)));
});

test('only names of the index are opened', async () => {
  const files = new BinlogFiles({ indexFile: inDir('binlog.index') });
  for (const name of ['../secret', 'binlog.000003', 'binlog.index', '/etc/passwd', '']) {
    await assert.rejects(files.open(name), { code: 'NOT_FOUND' }, name);
  }
});

test('an index that names a file elsewhere is refused', async () => {
  for (const line of ['../secret', '/etc/passwd', './folder/binlog.000001', '..']) {
    await writeFile(inDir('other.index'), `./binlog.000001\n${line}\n`);
    const files = new BinlogFiles({ indexFile: inDir('other.index') });
    await assert.rejects(files.list(), { code: 'BINLOG_UNSUPPORTED' }, line);
  }
});

test('a symbolic link is followed only when a person named it', async () => {
  await writeFile(inDir('linked.index'), './binlog.000003\n');
  await assert.rejects(new BinlogFiles({ indexFile: inDir('linked.index') }).open('binlog.000003'), {
    code: 'NOT_FOUND',
  });
  await using file = await openBinlogFile(inDir('binlog.000003'), { followLinks: true });
  assert.equal(await readAll(file), 'secret');
});

test('what is not there or no file is said so', async () => {
  await assert.rejects(new BinlogFiles({ indexFile: inDir('missing.index') }).list(), { code: 'NOT_FOUND' });
  await assert.rejects(openBinlogFile(inDir('folder')), { code: 'NOT_FOUND' });
  await writeFile(inDir('gone.index'), './binlog.000009\n');
  await assert.rejects(new BinlogFiles({ indexFile: inDir('gone.index') }).list(), { code: 'NOT_FOUND' });
});
