import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, parseDuration } from '../../../src/cli/duration.ts';
import { hasCode } from '../../../src/core/model/errors.ts';

for (const [text, ms] of [
  ['30m', 1_800_000],
  ['2h', 7_200_000],
  ['1h30m', 5_400_000],
  ['1 H 30 M', 5_400_000],
  ['1d', 86_400_000],
  ['250ms', 250],
  ['90s', 90_000],
] as const) {
  test(`${text} is ${ms} ms`, () => assert.equal(parseDuration(text, '--for'), ms));
}

for (const text of ['', '2', 'h', '2 hours', '-1h', '0s', '1.5h', '99999999999999999d', 'toString']) {
  test(`${JSON.stringify(text)} is no time`, () => {
    assert.throws(
      () => parseDuration(text, '--for'),
      (error) => hasCode(error, 'USAGE') && error.message.startsWith('--for '),
    );
  });
}

for (const [ms, text] of [
  [0, '0 s'],
  [40_000, '40 s'],
  [7_500_000, '2 h 5 min'],
  [7_200_000, '2 h'],
  [90_061_000, '1 d 1 h'],
] as const) {
  test(`${ms} ms is told as ${text}`, () => assert.equal(formatDuration(ms), text));
}
