import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutNetwork, healNetwork } from '../../../src/sandbox/cut.ts';
import type { SandboxState } from '../../../src/sandbox/state.ts';

const state = (isolated: boolean): SandboxState => ({
  format: 1,
  id: 'x',
  dir: '/nowhere',
  network: '198.18.20',
  zookeeper: '198.18.20.1:2181',
  config: '/nowhere/dcmha.yaml',
  bare: true,
  isolated,
  processes: [
    { kind: 'mysqld', id: 'm', host: '198.18.20.11', port: 3306, dir: '/nowhere', argv: ['x'], log: '' },
  ],
  groups: [],
});
const cut = { host: '198.18.20.11', direction: 'both', lossPercent: 100 } as const;

test('hosts that share one network cannot be cut off, and it is said how they could', async () => {
  await assert.rejects(cutNetwork(state(false), cut), { code: 'USAGE', message: /--isolated/ });
  await assert.rejects(healNetwork(state(false)), { code: 'USAGE' });
});

test('a host that is not there is named, with those that are', async () => {
  for (const wrong of [
    { ...cut, host: '198.18.20.12' },
    { ...cut, from: '198.18.20.12; drop' },
  ]) {
    await assert.rejects(cutNetwork(state(true), wrong), {
      code: 'NOT_FOUND',
      message: /no host 198\.18\.20\.12.*198\.18\.20\.11/,
    });
  }
  await assert.rejects(healNetwork(state(true), '10.0.0.1'), { code: 'NOT_FOUND' });
});
