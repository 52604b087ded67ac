import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../../src/core/model/errors.ts';
import {
  checkOptions,
  defaultOptions,
  leasePort,
  listeners,
  planLayout,
} from '../../../src/sandbox/layout.ts';
import { processSpecs } from '../../../src/sandbox/process-specs.ts';

const options = { ...defaultOptions, dir: '/tmp/x' };

test('each host has an address of its own, groups follow one another', () => {
  const layout = planLayout({ ...options, groups: 2, hosts: 2, zookeepers: 3, routers: 2 }, '127.0.20');
  assert.deepEqual(layout.zookeepers, ['127.0.20.1', '127.0.20.2', '127.0.20.3']);
  assert.deepEqual(
    layout.groups.map(({ name, hosts }) => `${name} ${hosts.join(' ')}`),
    ['g1 127.0.20.11 127.0.20.12', 'g2 127.0.20.13 127.0.20.14'],
  );
  assert.deepEqual(layout.routers, ['127.0.20.51', '127.0.20.52']);
  const { zookeepers, groups, routers, coordinators } = layout;
  const all = [...zookeepers, ...groups.flatMap(({ hosts }) => hosts), ...routers, ...coordinators];
  assert.equal(new Set(all).size, all.length);
});

test('the n-th group listens at the ports that routers give it', () => {
  assert.deepEqual(listeners('127.0.20.51', 0), { write: '127.0.20.51:3598', read: '127.0.20.51:3599' });
  assert.deepEqual(listeners('127.0.20.51', 2), { write: '127.0.20.51:3602', read: '127.0.20.51:3603' });
});

test('lease ports of all routers of all sandboxes differ, below the ephemeral ports', () => {
  const ports = Array.from({ length: 231 }, (_, block) =>
    Array.from({ length: 9 }, (__, index) => leasePort(`127.0.${20 + block}`, index)),
  ).flat();
  assert.equal(new Set(ports).size, ports.length);
  assert.ok(Math.max(...ports) < 32_768);
});

test('a bare sandbox has servers only, and no secret is in any command line', () => {
  const layout = planLayout({ ...options, bare: true }, '127.0.20');
  const kinds = processSpecs(layout, { bare: true, shortDir: '/tmp/s' }).map(({ kind }) => kind);
  assert.deepEqual(kinds, ['zookeeper', 'mysqld', 'mysqld', 'mysqld']);
  const all = processSpecs(planLayout(options, '127.0.20'), { bare: false, shortDir: '/tmp/s' });
  assert.ok(all.every(({ argv }) => !argv.join(' ').toLowerCase().includes('password')));
});

for (const wrong of [
  { hosts: 0 },
  { hosts: 1.5 },
  { groups: 20, hosts: 3 },
  { zookeepers: 8 },
  { routers: -1 },
]) {
  test(`refuses ${JSON.stringify(wrong)}`, () => {
    assert.throws(
      () => checkOptions({ ...options, ...wrong }),
      (error) => hasCode(error, 'USAGE'),
    );
  });
}
