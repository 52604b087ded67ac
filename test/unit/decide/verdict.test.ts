import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstVerdict, judge, type LocalCheck, type LocalVerdict } from '../../../src/core/decide/verdict.ts';

const answers: LocalCheck = { kind: 'answers', commits: 'fine' };
const silent = (process: 'alive' | 'halted' | 'gone' | 'unknown', code = 'ETIMEDOUT'): LocalCheck => ({
  kind: 'no-answer',
  code,
  process,
  detail: 'process 7',
});
const refused = (errno: number): LocalCheck => ({ kind: 'refused', errno, message: 'no' });

function after(...checks: readonly LocalCheck[]): LocalVerdict {
  return checks.reduce(
    (verdict, check, index) => judge(verdict, check, { at: 100 + index, attempts: 3 }),
    firstVerdict(0),
  );
}

for (const [name, checks, verdict, why] of [
  ['an answer is up', [answers], 'up', undefined],
  [
    'a process that is gone is dead at once',
    [answers, silent('gone', 'ECONNREFUSED')],
    'dead',
    /gone: process 7/,
  ],
  [
    'a port that nobody listens at is dead at once',
    [answers, silent('unknown', 'ECONNREFUSED')],
    'dead',
    /ECONNREFUSED/,
  ],
  [
    'a process that is halted is stalled at once',
    [answers, silent('halted')],
    'stalled',
    /halted: process 7/,
  ],
  [
    'so is one while mysqld is only starting',
    [answers, silent('alive', 'ECONNREFUSED')],
    'dead',
    /ECONNREFUSED/,
  ],
  ['a missing socket is dead at once', [answers, silent('unknown', 'ENOENT')], 'dead', /ENOENT/],
  ['one time-out leaves the verdict', [answers, silent('alive')], 'up', undefined],
  ['two leave it, too', [answers, silent('alive'), silent('alive')], 'up', undefined],
  [
    'three in a row are stalled',
    [answers, silent('alive'), silent('alive'), silent('alive')],
    'stalled',
    /3 checks/,
  ],
  [
    'an answer between starts the count anew',
    [silent('alive'), silent('alive'), answers, silent('alive')],
    'up',
    undefined,
  ],
  ['doubt from the start stays unknown', [silent('unknown')], 'unknown', /not checked/],
  [
    'a commit that hangs is stalled at once',
    [answers, { kind: 'cannot-commit', why: 'disk' }],
    'stalled',
    /disk/,
  ],
  ['a read-only file system is told', [{ kind: 'read-only-fs', why: 'EROFS' }], 'read-only-fs', /EROFS/],
  ['too many connections is a sign of life', [refused(1040)], 'saturated', /1040/],
  ['a limit of the account, too', [refused(1226)], 'saturated', /1226/],
  ['a wrong password says so, and no verdict', [refused(1045)], 'unknown', /password/],
  ['a blocked host is no verdict', [refused(1129)], 'unknown', /1129/],
  ['an answer that comes too late is doubt', [answers, refused(3024)], 'up', undefined],
  [
    'late answers again and again are stalled',
    [refused(3024), refused(3024), refused(3024)],
    'stalled',
    /3024/,
  ],
] as const) {
  test(name, () => {
    const found = after(...checks);
    assert.equal(found.verdict, verdict);
    if (why === undefined) assert.equal(found.why, undefined);
    else assert.match(found.why ?? '', why);
  });
}

test('a verdict begins when it changes', () => {
  assert.equal(after(answers, answers, answers).since, 100);
  assert.equal(after(answers, silent('gone'), silent('gone')).since, 101);
  assert.equal(after(answers, silent('gone'), answers).since, 102);
});
