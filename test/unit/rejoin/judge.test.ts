import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_GTID_SET, parseGtidSet } from '../../../src/core/gtid/gtid-set.ts';
import { judgeErrant, type TableStanding } from '../../../src/core/rejoin/judge.ts';
import { surveyErrant, type ErrantSurvey } from '../../../src/core/rejoin/survey-errant.ts';
import { decompress } from '../../support/binlog.ts';
import { memoryFiles } from '../../support/memory-binlog.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const standing: TableStanding = { facts: { table: () => undefined }, engineWithout: () => undefined };
const nothing: ErrantSurvey = {
  surveys: [],
  files: [],
  format: undefined,
  missing: EMPTY_GTID_SET,
  behind: undefined,
};

test('transactions that no file has any more stay where they are, named', () => {
  const verdict = judgeErrant({ ...nothing, missing: parseGtidSet(`${uuid}:4-5`) }, standing);
  assert.equal(verdict.kind, 'not-invertible');
  assert.deepEqual([verdict.obstacle.at, verdict.obstacle.reason], [`${uuid}:4-5`, 'purged']);
});

test('what came after an errant transaction keeps it where it is', () => {
  const verdict = judgeErrant({ ...nothing, behind: `${uuid}:9` }, standing);
  assert.equal(verdict.kind, 'not-invertible');
  assert.deepEqual([verdict.obstacle.at, verdict.obstacle.reason], [`${uuid}:9`, 'not-the-last']);
});

test('nothing to take back is taken back', () => {
  assert.deepEqual(judgeErrant(nothing, standing), { kind: 'invertible', rollbackXa: [], undo: [] });
});

test('a binlog without any file has lost all of it', async () => {
  const errant = parseGtidSet(`${uuid}:1-3`);
  const found = await surveyErrant(memoryFiles({}), errant, decompress);
  assert.ok(found.missing.equals(errant));
  assert.deepEqual(found.files, []);
});
