import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chown, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ownTag, tagOf } from '../../../src/sandbox/ownership.ts';
import { endProcess, MARK, spawnDetached, stateOf } from '../../../src/sandbox/process.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';
import { sweepScratch } from '../../../src/sandbox/sweep.ts';

let root = '';
let ended = '';

const start = (argv: readonly string[], mark?: string) =>
  spawnDetached({ argv, cwd: root, log: path.join(root, 'log'), mark, diesWithParent: true });

before(async () => {
  root = makeScratch();
  const sleeper = await start(['sleep', '60']);
  ended = tagOf(sleeper);
  await endProcess(sleeper);
});
after(() => rm(root, { recursive: true, force: true }));

const [namespace = '', pid = '', startTicks = ''] = ownTag().split('.');

async function made(name: string): Promise<string> {
  const dir = path.join(root, name);
  await mkdir(path.join(dir, 'some'), { recursive: true });
  await writeFile(path.join(dir, 'some/file'), '');
  return dir;
}

const goes: readonly (readonly [string, () => string])[] = [
  ['of an owner that has ended', () => `dcmha-of-${ended}-Abc123`],
  ['whose owner’s pid is another process now', () => `dcmha-of-${namespace}.${pid}.1-Abc123`],
];

for (const [what, name] of goes) {
  test(`a directory ${what} is removed with what is in it`, async () => {
    const dir = await made(name());
    const { directories, left } = await sweepScratch(root);
    assert.deepEqual({ directories, left }, { directories: 1, left: [] });
    assert.ok(!existsSync(dir));
  });
}

const stays: readonly (readonly [string, () => string])[] = [
  ['of a living owner', () => `dcmha-of-${namespace}.${pid}.${startTicks}-Abc123`],
  ['of an owner in a pid namespace that is not seen from here', () => `dcmha-of-1.${pid}.1-Abc123`],
  ['without an owner', () => 'dcmha-Abc123'],
  ['that is kept', () => 'dcmha-kept-Abc123'],
  ['of another program that only looks alike', () => `dcmha-of-${ended}-Abc123.bak`],
];

for (const [what, name] of stays) {
  test(`a directory ${what} stays`, async () => {
    const dir = await made(name());
    assert.deepEqual(await sweepScratch(root), { processes: 0, directories: 0, left: [] });
    assert.ok(existsSync(path.join(dir, 'some/file')));
    await rm(dir, { recursive: true });
  });
}

test(
  'a directory of another user, who may have put anything there, stays',
  {
    skip: process.getuid?.() !== 0,
  },
  async () => {
    const dir = await made(`dcmha-of-${ended}-Abc123`);
    await chown(dir, 65_534, 65_534);
    assert.equal((await sweepScratch(root)).directories, 0);
    assert.ok(existsSync(path.join(dir, 'some/file')));
    await rm(dir, { recursive: true });
  },
);

test('a link is not followed', async () => {
  const target = await made('elsewhere');
  await symlink(target, path.join(root, `dcmha-of-${ended}-Abc123`));
  assert.equal((await sweepScratch(root)).directories, 0);
  assert.ok(existsSync(path.join(target, 'some/file')));
  await rm(path.join(root, `dcmha-of-${ended}-Abc123`));
});

test('processes of a sandbox that lost its state file are ended; those of others are not', async () => {
  const dir = await made(`dcmha-of-${ended}-Abc123`);
  const lost = await start(['sleep', '60'], `0a0a0a0a@${dir}/some`);
  const other = await start(['sleep', '60'], `0b0b0b0b@${dir}4/some`);
  assert.equal((await sweepScratch(root)).processes, 1, `by ${MARK}`);
  assert.equal(stateOf(lost), 'stopped');
  assert.equal(stateOf(other), 'running');
  await endProcess(other);
});

test('several sweeps at a time remove everything once', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `dcmha-of-${ended}-Abc${index}`);
  await Promise.all(names.map(made));
  const sweeps = await Promise.all(Array.from({ length: 4 }, () => sweepScratch(root)));
  assert.equal(
    sweeps.reduce((sum, { directories }) => sum + directories, 0),
    names.length,
  );
  assert.deepEqual(
    sweeps.flatMap(({ left }) => left),
    [],
  );
});
