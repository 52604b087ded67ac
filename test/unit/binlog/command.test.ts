import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spawnSync } from 'node:child_process';
import { writeFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { PROGRAM, PROJECT } from '../../../src/sandbox/project.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';
import { ensureBuilt } from '../../support/built.ts';
import { CORPUS, withoutCorpus } from '../../support/corpus.ts';
import { readFixture, scan } from '../../support/binlog.ts';

await ensureBuilt();

const fixture = (name: string): string => path.join('fixtures/binlog', name);

interface Answer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function dcmha(...args: readonly string[]): Answer {
  const argv = [PROGRAM, 'binlog', ...args];
  return spawnSync(process.execPath, argv, { cwd: PROJECT, encoding: 'utf8', maxBuffer: 1 << 28 });
}

interface Document {
  readonly files: readonly {
    readonly file: string;
    readonly end: { readonly offset: number; readonly torn: string | null };
    readonly transactions: readonly {
      readonly gtid: string;
      readonly bytes: number;
      readonly rows: number;
      readonly tables: Record<string, unknown>;
      readonly statements: readonly string[];
      readonly xa: { readonly kind: string } | null;
    }[];
  }[];
}

const listed = (...args: readonly string[]): Document =>
  JSON.parse(dcmha('--json', ...args).stdout) as Document;

test('transactions of several files are listed with their GTIDs, tables, rows and bytes', () => {
  const { files } = listed(fixture('transactions.000001'), fixture('transactions.000002'));
  assert.deepEqual(
    files.map(({ transactions, end }) => [transactions.length, end.torn]),
    [
      [17, null],
      [2, null],
    ],
  );
  const [created, tagged, foreign] = files[0]!.transactions;
  assert.deepEqual(created?.statements, ['CREATE TABLE fx.t (id INT PRIMARY KEY, v VARCHAR(200))']);
  assert.match(tagged!.gtid, /:fixture:1$/);
  assert.deepEqual(tagged!.tables, { 'fx.t': { inserts: 1, updates: 0, deletes: 0 } });
  assert.equal(foreign!.gtid, '11111111-2222-3333-4444-555555555555:77');
  assert.deepEqual(
    files[0]!.transactions.flatMap(({ xa }) => xa?.kind ?? []),
    ['prepare', 'commit', 'prepare', 'rollback'],
  );
});

test('a line a transaction for people, and one a file', () => {
  const { stdout, status } = dcmha(fixture('transactions.000001'));
  const lines = stdout.trim().split('\n');
  assert.equal(status, 0);
  assert.equal(lines.length, 18);
  assert.match(
    lines[2]!,
    /^\d{4}-\d\d-\d\d [\d:.]{12} {2}1{8}-2222-3333-4444-5{12}:77 {2}\d+ bytes {2}1 rows {2}fx\.t \+1 ~0 -0$/,
  );
  assert.match(lines.at(-1)!, /transactions\.000001: 17 transactions, \d+ bytes, MySQL 9\.7/);
});

test('GTID sets choose transactions', () => {
  const foreign = '11111111-2222-3333-4444-555555555555:77-78';
  const gtids = (...args: readonly string[]): string[] =>
    listed(...args, fixture('transactions.000001')).files[0]!.transactions.map(({ gtid }) => gtid);
  assert.equal(gtids('--gtids', foreign).length, 2);
  assert.equal(gtids('--exclude-gtids', foreign).length, 15);
  assert.equal(gtids('--gtids', foreign, '--exclude-gtids', `${foreign.slice(0, 36)}:77`).length, 1);
});

test('SQL forwards and backwards', () => {
  const forward = dcmha('--sql', fixture('rows.000001'));
  assert.equal(forward.status, 0);
  assert.match(forward.stdout, /INSERT INTO `fx`\.`types` \(`id`, /);
  const backward = dcmha('--inverse', fixture('rows.000001'));
  const undone = backward.stdout.split('\n').filter((line) => /^(INSERT|UPDATE|DELETE)/.test(line));
  assert.deepEqual(
    undone.map((line) => line.slice(0, 6)),
    ['INSERT', 'UPDATE', 'UPDATE', 'UPDATE', 'DELETE', 'DELETE', 'DELETE', 'DELETE'],
  );
  const { transactions } = JSON.parse(dcmha('--json', '--sql', fixture('killed.000001')).stdout) as {
    transactions: { sql: string }[];
  };
  assert.equal(transactions.length, 3);
  assert.match(transactions[2]!.sql, /CREATE TABLE fx\.last/);
});

test('what a crash left is not shown, and said', () => {
  const dir = makeScratch();
  const file = path.join(dir, 'torn.000001');
  const bytes = readFixture('killed.000001');
  const [first] = scan(bytes).transactions;
  writeFileSync(file, bytes.subarray(0, first!.end + 100));
  const { stdout, stderr, status } = dcmha(file);
  assert.equal(status, 0);
  assert.equal(stdout.trim().split('\n').length, 2);
  assert.match(stderr, new RegExp(`torn\\.000001 was not finished: nothing whole after ${first!.end} `));
  rmSync(dir, { recursive: true });
});

const REFUSALS: readonly (readonly [what: string, args: readonly string[], status: number, code: string])[] =
  [
    ['a file that is not there', ['/nonexistent/binlog.000001'], 64, 'NOT_FOUND'],
    ['a directory', ['fixtures'], 64, 'NOT_FOUND'],
    ['a file of something else', ['package.json'], 65, 'BINLOG_CORRUPT'],
    ['a GTID set that is none', ['--gtids', 'nonsense', 'package.json'], 65, 'GTID_MALFORMED'],
    ['both ways at once', ['--sql', '--inverse', 'package.json'], 64, 'USAGE'],
  ];

for (const [what, args, status, code] of REFUSALS) {
  test(`${what} is refused with ${code}`, () => {
    const answer = dcmha('--json', ...args);
    assert.equal(answer.status, status, answer.stderr);
    assert.equal((JSON.parse(answer.stderr) as { error: { code: string } }).error.code, code);
  });
}

test('files of another kind are refused with BINLOG_UNSUPPORTED', { skip: withoutCorpus }, () => {
  for (const file of [
    'real/damaged/8e145474-rpl_nogtid_encryption_master-bin.000002',
    'real/mariadb/1f65aedd-master-bin-seq_10.3.36.000001',
  ]) {
    const { status, stderr } = dcmha(path.join(CORPUS, file));
    assert.equal(status, 65);
    assert.match(stderr, /^dcmha: .*\(BINLOG_UNSUPPORTED\)\n$/);
  }
});
