import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PRIMARY, type Fault } from '../simulate/faults.ts';
import { runSeed } from '../simulate/run-seed.ts';

const at = 1000;
const servers = ['zk1', 'zk2', 'zk3'];
const routers = ['10.0.0.51', '10.0.0.52'];
const coordinators = ['10.0.0.61', '10.0.0.62'];

/** Nothing from the ensemble arrives at `host` any more, while what it sends does: it learns of that by its own clock alone. */
const halfOpen = (host: string): Fault[] =>
  servers.map((from) => ({ at, ms: 20_000, kind: 'cut', from, to: host, both: false }));
/** No connection to the ensemble, and all others stand. */
const lost = (host: string): Fault[] =>
  servers.map((to) => ({ at, ms: 20_000, kind: 'cut', from: host, to, both: true }));
const slow = (host: string, byMs: number): Fault[] =>
  servers.flatMap((one): Fault[] => [
    { at, ms: 20_000, kind: 'slow', from: one, to: host, byMs },
    { at, ms: 20_000, kind: 'slow', from: host, to: one, byMs },
  ]);
const expired = (what: 'agent' | 'router' | 'coordinator', number: number): Fault => ({
  at,
  ms: 100,
  kind: 'session-expires',
  what,
  number,
});

/**
 * Each class of ZooKeeper error alone, in ten worlds (synchronous and not, sessions of 3 and 6 s). `moves`: whether the primary may change;
 * `fails`: whether an application may notice.
 */
const classes: readonly {
  readonly what: string;
  readonly faults: readonly Fault[];
  readonly moves?: true;
  readonly fails?: true;
}[] = [
  {
    what: 'connection loss: one server is gone',
    faults: [{ at, ms: 20_000, kind: 'zookeeper-down', servers: [1] }],
  },
  {
    what: 'no quorum: two servers are gone',
    faults: [{ at, ms: 20_000, kind: 'zookeeper-down', servers: [1, 2] }],
  },
  {
    what: 'the whole ensemble is gone',
    faults: [{ at, ms: 60_000, kind: 'zookeeper-down', servers: [1, 2, 3] }],
  },
  { what: "session expiry: the agent's", faults: [expired('agent', 0)] },
  { what: "session expiry: the router's", faults: [expired('router', 1)] },
  { what: "session expiry: a coordinator's", faults: [expired('coordinator', 1)] },
  {
    what: 'stale answers: a server that lags 3 s',
    faults: [{ at, ms: 20_000, kind: 'zookeeper-lags', server: 1, byMs: 3000 }],
  },
  { what: 'slow answers to the primary: 300 ms', faults: slow(PRIMARY, 300) },
  {
    what: 'slow answers to the coordinators: 300 ms',
    faults: coordinators.flatMap((host) => slow(host, 300)),
  },
  { what: 'half-open TCP to the coordinators', faults: coordinators.flatMap(halfOpen) },
  { what: 'half-open TCP to the routers', faults: routers.flatMap(halfOpen) },
  { what: 'half-open TCP to the primary', faults: halfOpen(PRIMARY), moves: true, fails: true },
  {
    what: 'the primary has lost the ensemble, and everybody else has not',
    faults: lost(PRIMARY),
    moves: true,
    fails: true,
  },
  { what: 'the routers have', faults: routers.flatMap(lost) },
  { what: 'the coordinators have', faults: coordinators.flatMap(lost) },
];

describe('ZooKeeper errors, each class alone', () => {
  for (const { what, faults, moves, fails } of classes) {
    const consequence = moves === true ? 'the primary may change' : 'the primary stays';
    it(`${what}: ${consequence}${fails === true ? '' : ', no write fails'}`, async () => {
      for (let seed = 1; seed <= 10; seed += 1) {
        const { violation, epochs, failures } = await runSeed({ seed, faults });
        assert.equal(violation, undefined, `seed ${seed}`);
        if (moves !== true) assert.equal(epochs, 0, `seed ${seed}: the primary changed`);
        if (fails !== true) assert.equal(failures, 0, `seed ${seed}: ${failures} writes failed`);
      }
    });
  }
});
