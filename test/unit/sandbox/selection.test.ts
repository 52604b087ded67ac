import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../../src/core/model/errors.ts';
import { selectProcesses, type Selection } from '../../../src/sandbox/selection.ts';

const processes = [
  { kind: 'zookeeper', id: 'zookeeper-1', host: '127.0.20.1' },
  { kind: 'mysqld', id: 'mysqld-127.0.20.11', host: '127.0.20.11' },
  { kind: 'agent', id: 'agent-127.0.20.11', host: '127.0.20.11' },
  { kind: 'mysqld', id: 'mysqld-127.0.20.12', host: '127.0.20.12' },
  { kind: 'router', id: 'router-1', host: '127.0.20.51' },
] as const;

const found: readonly (readonly [string, Selection, readonly string[]])[] = [
  ['one of its kind needs no host', { what: 'zookeeper' }, ['zookeeper-1']],
  ['a kind at a host', { what: 'mysqld', host: '127.0.20.12' }, ['mysqld-127.0.20.12']],
  [
    'everything of a host',
    { what: 'host', host: '127.0.20.11' },
    ['mysqld-127.0.20.11', 'agent-127.0.20.11'],
  ],
  ['a process by its id', { what: 'router', host: 'router-1' }, ['router-1']],
  ['a host alone', { host: '127.0.20.51' }, ['router-1']],
  ['nothing said is everything', {}, processes.map(({ id }) => id)],
];

for (const [name, selection, ids] of found) {
  test(`selects: ${name}`, () => {
    assert.deepEqual(
      selectProcesses(processes, selection).map(({ id }) => id),
      ids,
    );
  });
}

const refused: readonly (readonly [string, Selection, 'USAGE' | 'NOT_FOUND'])[] = [
  ['a kind of which there are several', { what: 'mysqld' }, 'USAGE'],
  ['a host without a name', { what: 'host' }, 'USAGE'],
  ['an unknown host', { what: 'mysqld', host: '127.0.20.99' }, 'NOT_FOUND'],
  ['a kind that is not at the host', { what: 'router', host: '127.0.20.11' }, 'NOT_FOUND'],
];

for (const [name, selection, code] of refused) {
  test(`refuses ${name} with ${code}`, () => {
    assert.throws(
      () => selectProcesses(processes, selection),
      (error) => hasCode(error, code),
    );
  });
}
