import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FailoverRecord, newestFailover, timelineOf } from '../../../src/sandbox/timeline.ts';

const step = (name: string, at: number, tookMs: number) => ({ step: name, outcome: 'done', at, tookMs });

const record: FailoverRecord = {
  id: 'f1',
  kind: 'failover',
  result: 'done',
  startedAt: 1040,
  since: 1020,
  steps: [
    step('close-route', 1041, 3),
    step('fence', 1044, 6),
    step('freeze', 1050, 40),
    step('record-primary', 1095, 5),
    step('open-writes', 1100, 10),
    step('publish-route', 1110, 4),
    step('repoint', 1114, 60),
  ],
};

test('a timeline tells the end of each step after the kill, in the order of the failover', () => {
  assert.deepEqual(
    timelineOf(record, 1000).map(({ name, afterMs }) => `${name} ${afterMs}`),
    [
      'noticed 20',
      'detected 40',
      'fenced 50',
      'elected 90',
      'recorded 100',
      'opened 110',
      'routed 114',
      'repointed 174',
    ],
  );
});

test('a step that was done again counts with its last time', () => {
  const again = { ...record, steps: [...record.steps, step('open-writes', 1300, 20)] };
  assert.equal(timelineOf(again, 1000).find(({ name }) => name === 'opened')?.afterMs, 320);
});

test('the newest failover is the first one in the history, whatever else is there', () => {
  const history = [
    { group: 'g1', id: 'b', kind: 'bootstrap', at: 3 },
    record,
    { ...record, id: 'older' },
    'odd',
  ];
  assert.equal(newestFailover(JSON.stringify(history))?.id, 'f1');
  assert.equal(newestFailover('[]'), undefined);
});
