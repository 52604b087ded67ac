import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { copyDataDirectory } from '../../../src/sandbox/template.ts';

test('a server never runs in the template, even where that is a link', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'dcmha-template-'));
  try {
    const [template, link, data] = ['template', 'link', 'data'].map((name) => path.join(dir, name)) as [
      string,
      string,
      string,
    ];
    await mkdir(template);
    await writeFile(path.join(template, 'ibdata1'), 'as it was made');
    await symlink(template, link);
    await copyDataDirectory(link, data);
    await writeFile(path.join(data, 'ibdata1'), 'written to by a server');
    assert.equal(await readFile(path.join(template, 'ibdata1'), 'utf8'), 'as it was made');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
