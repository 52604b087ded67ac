import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { PROGRAM, PROJECT } from '../../../src/sandbox/project.ts';
import { ensureBuilt } from '../../support/built.ts';

await ensureBuilt();

for (const [call, said] of [
  ['addmeta --group g1 --host h --weight many', '--weight takes a number'],
  ['addmeta --group g1 --host h --agent-port x', '--agent-port takes a number'],
  ['switchover --group g1 --timeout soon --yes', '--timeout takes a number'],
  [
    'addmeta --group g1 --host h --promote perhaps',
    'Invalid values: Argument: promote, Given: "perhaps", Choices: "prefer", "yes", "last", "no", "allow", "prefer-not"',
  ],
  ['status --group', 'Not enough arguments following: group'],
  ['status --config', 'Not enough arguments following: config'],
  ['status --config --group g1', 'Not enough arguments following: config'],
  ['addition wrong', 'no action "wrong": replmeta, regionmeta, list, check, remove'],
  ['addition replmeta --group g1', '--region is missing'],
  [
    'addition replmeta --group g1 --region eu --port 3307',
    '--host is missing: --port and --ssl belong to it',
  ],
  ['addition regionmeta --region eu', '--hosts is missing'],
  ['addition remove --group g1', '--region is missing'],
  ['policy set --group g1', 'KEY is missing: dcmha policy get lists them'],
  ['policy set --group g1 failover.quorum', 'VALUE is missing: dcmha policy get lists them'],
  [
    'policy unset --group g1 failover.quorum half',
    'unset takes no value: dcmha policy set --group g1 KEY VALUE',
  ],
  ['task --group g1', '--host is missing'],
  ['statu', 'Did you mean status?'],
] as const)
  test(`a wrong call is one line with its code, and nothing is asked for: dcmha ${call}`, () => {
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...call.split(' ')], {
      cwd: PROJECT,
      encoding: 'utf8',
      // Nobody listens there: a call that is found wrong only with a session ends another way.
      env: { ...process.env, DCMHA_CONFIG: undefined, DCMHA_ZOOKEEPER_HOSTS: '127.0.0.1:1' },
    });
    assert.deepEqual([status, stderr], [64, `dcmha: ${said} (USAGE)\n`]);
  });
