import assert from 'node:assert/strict';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { readCertificate, readSecret, secretVariable } from '../../../src/config/secret.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';

const dir = makeScratch();
after(() => rmSync(dir, { recursive: true }));
const key = 'mysql.replicationPasswordFile';

function write(text: string, mode = 0o600): string {
  const file = path.join(dir, 'secret');
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

test('a secret is its file without the line feed at the end', async () => {
  for (const [text, secret] of [
    ['abc\n', 'abc'],
    ['abc', 'abc'],
    [' a b \r\n', ' a b '],
  ] as const) {
    assert.equal(await readSecret({ key, file: write(text), env: {} }), secret);
  }
});

test('the environment wins over the file', async () => {
  assert.equal(secretVariable(key), 'DCMHA_MYSQL_REPLICATION_PASSWORD');
  assert.equal(secretVariable('peer.secretFile'), 'DCMHA_PEER_SECRET');
  const env = { DCMHA_MYSQL_REPLICATION_PASSWORD: 'from the environment' };
  assert.equal(await readSecret({ key, file: undefined, env }), 'from the environment');
});

test('a file that everybody can read is warned of', async () => {
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  await readSecret({ key, file: write('abc', 0o640), env: {}, warn });
  assert.deepEqual(warnings, []);
  await readSecret({ key, file: write('abc', 0o644), env: {}, warn });
  assert.equal(warnings.length, 1);
});

test('what is missing, empty or of several lines is refused by name', async () => {
  const cases = [
    [undefined, /mysql.replicationPasswordFile is not set.*DCMHA_MYSQL_REPLICATION_PASSWORD/],
    [path.join(dir, 'nowhere'), /mysql.replicationPasswordFile: .*nowhere cannot be read \(ENOENT\)/],
    [write('\n'), /is empty/],
  ] as const;
  for (const [file, message] of cases) {
    await assert.rejects(readSecret({ key, file, env: {} }), { code: 'CONFIG_INVALID', message });
  }
  await assert.rejects(readSecret({ key, file: write('a\nb\n'), env: {} }), /more than one line/);
});

test('a CA file must hold a certificate', async () => {
  const pem = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n';
  assert.equal(await readCertificate(undefined), undefined);
  assert.equal(await readCertificate(write(pem)), pem);
  await assert.rejects(readCertificate(write('MII')), {
    code: 'CONFIG_INVALID',
    message: /is no certificate in PEM/,
  });
  await assert.rejects(readCertificate(path.join(dir, 'nowhere')), {
    code: 'CONFIG_INVALID',
    message: /ENOENT/,
  });
});
