import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { PROJECT } from '../../../src/sandbox/project.ts';

const program = path.join(PROJECT, 'src/cli/main.ts');

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
  ['statu', 'Did you mean status?'],
] as const)
  test(`a wrong call is one line with its code, and nothing is asked for: dcmha ${call}`, () => {
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', program, ...call.split(' ')], {
      cwd: PROJECT,
      encoding: 'utf8',
      env: { ...process.env, DCMHA_CONFIG: undefined },
    });
    assert.deepEqual([status, stderr], [64, `dcmha: ${said} (USAGE)\n`]);
  });
