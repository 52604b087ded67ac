import assert from 'node:assert/strict';
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createSalvageStore } from '../../../src/adapters/fs/salvage-store.ts';
import type { SalvageStore } from '../../../src/ports/salvage.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';

const place = { group: 'g1', host: '10-0-0-1', at: Date.UTC(2026, 10, 23, 9) };

async function* chunksOf(...texts: string[]): AsyncGenerator<Buffer, void> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text));
}

describe('the store of saved transactions', () => {
  let root: string;
  let store: SalvageStore;

  beforeEach(() => {
    root = makeScratch();
    store = createSalvageStore(path.join(root, 'salvage'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  async function save(): Promise<void> {
    await using draft = await store.begin(place, 10);
    await draft.copy('binlog.000007', chunksOf('abc', 'def'));
    await draft.writeSql(chunksOf('-- nothing\n'));
    await draft.writeIndex('{}');
    await draft.keep();
  }

  test('hands out a set under its name once it is whole, and reads it', async () => {
    await save();
    const [set, ...others] = await store.list();
    assert.ok(set !== undefined);
    assert.deepEqual(others, []);
    assert.equal(set.name, 'g1/10-0-0-1/2026-11-23T09-00-00.000Z');
    assert.deepEqual(await store.find(place), set);
    assert.equal(await store.readIndex(set), '{}');
    assert.equal(readFileSync(store.sqlFile(set), 'utf8'), '-- nothing\n');
    assert.deepEqual(await store.open(set).list(), [{ name: 'binlog.000007', sizeBytes: 6 }]);
    assert.equal(statSync(set.directory).mode & 0o077, 0, 'rows are nobody else’s business');
    await store.remove(set);
    assert.deepEqual(await store.list(), []);
    assert.deepEqual(readdirSync(path.dirname(set.directory)), []);
  });

  test('tells a set again, whose copies stay as they are', async () => {
    await save();
    const [set] = await store.list();
    assert.ok(set !== undefined);
    // What a crash in the middle left is no matter.
    writeFileSync(`${store.sqlFile(set)}.saving`, 'half');
    await store.retell(set, { sql: chunksOf('-- with names\n'), index: '{"a":1}' });
    assert.equal(await store.readIndex(set), '{"a":1}');
    assert.equal(readFileSync(store.sqlFile(set), 'utf8'), '-- with names\n');
    assert.deepEqual(readdirSync(set.directory).sort(), [
      'binlog.000007',
      'binlog.index',
      'index.json',
      'transactions.sql',
    ]);
  });

  test('leaves nothing of a set that was not finished, and begins over one that a crash left', async () => {
    {
      await using draft = await store.begin(place, 10);
      await draft.writeSql(chunksOf('half'));
    }
    assert.equal(await store.find(place), undefined);
    const crashed = await store.begin(place, 10);
    await crashed.writeSql(chunksOf('half'));
    assert.deepEqual(await store.list(), []);
    await save();
    assert.equal((await store.list()).length, 1);
  });

  test('names the path and the reason of what the system refuses', async () => {
    writeFileSync(path.join(root, 'salvage'), 'a file');
    await assert.rejects(store.begin(place, 10), {
      code: 'UNEXPECTED',
      message: /cannot save transactions in .*salvage\/g1\/.*ENOTDIR/,
    });
  });

  test('does not begin what the disk has no room for', async () => {
    await assert.rejects(store.begin(place, 2 ** 60), {
      code: 'UNEXPECTED',
      message: /bytes are free, \d+ are needed/,
    });
  });
});
