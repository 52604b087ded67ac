import type { Fault } from './faults.ts';
import type { WorldShape } from './world.ts';

/** What the worlds of all seeds were like before others were drawn, too. */
const plain = { catchUp: 'always', replicationDelayMs: 0, agentStarts: false, regionServers: 0 } as const;

/** Worlds that broke a promise before the program was mended; `what` it did. */
export const found: readonly {
  readonly what: string;
  readonly seed: number;
  /** What other seeds' worlds were like when it was found. */
  readonly shape?: Partial<WorldShape>;
  readonly faults: readonly Fault[];
}[] = [
  {
    what: 'a reader whose agent was away during the failover was never read from again',
    seed: 66,
    shape: plain,
    faults: [
      { at: 2116, ms: 13_725, kind: 'kill', what: 'agent', number: 4 },
      { at: 4944, ms: 13_772, kind: 'power-off', what: 'member', number: 1 },
    ],
  },
  {
    what: 'a coordinator that was stopped in its freeze stopped the receivers of the plan that was long over',
    seed: 127,
    shape: plain,
    faults: [
      { at: 11_107, ms: 4908, kind: 'freeze', what: 'coordinator', number: 2 },
      { at: 13_150, ms: 1411, kind: 'switchover', to: undefined },
      { at: 13_439, ms: 9357, kind: 'freeze', what: 'coordinator', number: 1 },
    ],
  },
  {
    what: 'the first renewals after an outage of ZooKeeper did not extend the lease, and nobody was asked meanwhile',
    seed: 349,
    shape: plain,
    faults: [{ at: 1967, ms: 4177, kind: 'zookeeper-down', servers: [1, 2, 3] }],
  },
  {
    what: 'an agent that was back with a new session, busy with a hung disk, counted as silent; and the end of its lease waited for the plan',
    seed: 3455,
    shape: plain,
    faults: [
      { at: 11_640, ms: 12_983, kind: 'disk-hangs', number: 0 },
      { at: 13_936, step: 1, ms: 1867, kind: 'session-expires', what: 'agent', number: 0 },
    ],
  },
  {
    what: 'a session that was ended before its time counted as the end of the lease',
    seed: 3558,
    shape: plain,
    faults: [
      { at: 4897, ms: 2328, kind: 'power-off', what: 'router', number: 1 },
      { at: 5938, ms: 14_914, kind: 'isolate', host: 'primary', but: [] },
      { at: 7048, ms: 9226, kind: 'session-expires', what: 'agent', number: 0 },
    ],
  },
  {
    what: 'an elected server that was restarted before its promotion opened without what its relay log had held',
    seed: 6254,
    shape: plain,
    faults: [
      { at: 14_683, ms: 14_063, kind: 'kill', what: 'mysqld', number: 0 },
      { at: 15_000, ms: 876, kind: 'kill', what: 'mysqld', number: 2 },
    ],
  },
  {
    what: 'a planned failover to a server that could not take over was tried again for ever, with nobody to write to',
    seed: 50_344,
    shape: plain,
    faults: [
      { at: 3532, ms: 4532, kind: 'isolate', host: 'primary', but: ['10.0.0.51', '10.0.0.52'] },
      { at: 5624, ms: 8567, kind: 'power-off', what: 'member', number: 0 },
      { at: 13_167, ms: 2054, kind: 'switchover', to: 1 },
    ],
  },
  {
    what: 'what the primary was in the middle of committing was taken for errant on a replica, taken back there, and burnt on the primary',
    seed: 391,
    faults: [
      { at: 11_533, ms: 8132, kind: 'disk-hangs', number: 0 },
      { at: 15_000, ms: 13_080, kind: 'kill', what: 'mysqld', number: 3 },
    ],
  },
  {
    what: 'an old primary that answered late made an agent take back what the new one had, and follow nobody afterwards',
    seed: 75,
    shape: { regionServers: 0 },
    faults: [
      { at: 7306, ms: 1574, kind: 'zookeeper-down', servers: [1, 2] },
      { at: 9875, ms: 5267, kind: 'kill', what: 'mysqld', number: 3 },
      { at: 10_959, ms: 10_332, kind: 'freeze-host', what: 'member', number: 0 },
    ],
  },
  {
    what: 'a replica that had stopped its receiver to follow a primary which just died took its own stop for an operator’s, for ever',
    seed: 117,
    shape: { ...plain, catchUp: 'never', regionServers: 1 },
    faults: [
      { at: 5701, ms: 11_377, kind: 'isolate', host: 'primary', but: ['zk1', 'zk2', 'zk3'] },
      { at: 15_000, step: 12, ms: 940, kind: 'kill', what: 'mysqld', number: 0 },
    ],
  },
  {
    what: 'what a region was about to send to the primary was taken back, and its names burnt, because a replica there lacked it',
    seed: 2,
    shape: { ...plain, semiSync: 'none', regionServers: 2 },
    faults: [
      { at: 1000, ms: 22_000, kind: 'cut', from: '10.1.0.1', to: '10.1.0.2', both: true },
      { at: 1500, ms: 22_000, kind: 'region-cut', server: 1, from: 'replicas' },
      { at: 2000, ms: 12_000, kind: 'isolate', host: '10.0.0.1', but: ['10.1.0.1', '10.1.0.2', '10.0.0.3'] },
      { at: 2000, ms: 12_000, kind: 'isolate', host: '10.0.0.3', but: ['10.1.0.1', '10.1.0.2', '10.0.0.1'] },
      { at: 9000, ms: 14_000, kind: 'cut', from: '10.0.0.1', to: '10.1.0.1', both: true },
      { at: 9000, ms: 14_000, kind: 'cut', from: '10.0.0.3', to: '10.1.0.1', both: true },
    ],
  },
  {
    what: 'what a region was about to send to the primary was cut off a binlog, and its names burnt, without a word with the region',
    seed: 2,
    shape: { ...plain, semiSync: 'none', catchUp: 'never', agentStarts: true, regionServers: 2 },
    faults: [
      { at: 1500, ms: 60_000, kind: 'region-cut', server: 0, from: 'replicas' },
      { at: 2000, ms: 24_000, kind: 'isolate', host: '10.0.0.1', but: ['10.1.0.1', '10.1.0.2', '10.0.0.3'] },
      { at: 2000, ms: 40_000, kind: 'isolate', host: '10.0.0.3', but: ['10.1.0.1', '10.1.0.2', '10.0.0.1'] },
      { at: 5000, ms: 25_000, kind: 'power-off', what: 'member', number: 1 },
    ],
  },
  {
    what: 'a server that an operator made the primary by hand, just as its return was planned, was opened by nobody any more',
    seed: 5923,
    shape: { regionServers: 0 },
    faults: [
      { at: 5638, step: 10, ms: 14_524, kind: 'isolate', host: '10.0.0.3', but: ['10.0.0.51'] },
      { at: 9577, ms: 5857, kind: 'task-white', to: 0, reroute: false },
      { at: 10_705, ms: 10_471, kind: 'isolate', host: 'primary', but: [] },
      { at: 10_949, ms: 1265, kind: 'session-expires', what: 'coordinator', number: 2 },
      { at: 15_000, ms: 744, kind: 'kill', what: 'coordinator', number: 2 },
      { at: 15_000, ms: 2214, kind: 'zookeeper-down', servers: [1, 3] },
    ],
  },
  {
    what: 'the former primary of a failover that was abandoned after its record was never read from again',
    seed: 1331,
    shape: { regionServers: 0 },
    faults: [
      { at: 1011, ms: 8323, kind: 'kill', what: 'mysqld', number: 0 },
      { at: 1623, ms: 13_554, kind: 'isolate', host: 'primary', but: ['10.0.0.51', '10.0.0.52'] },
      { at: 2295, step: 9, ms: 226, kind: 'isolate', host: '10.0.0.2', but: ['10.0.0.51', '10.0.0.52'] },
      { at: 8301, ms: 6480, kind: 'isolate', host: '10.0.0.2', but: [] },
    ],
  },
  {
    what: 'a former primary that had not heard of its successor was read from, and elected over what it alone had',
    seed: 9962,
    shape: { regionServers: 1 },
    faults: [
      { at: 3322, ms: 10_580, kind: 'isolate', host: 'primary', but: ['10.0.0.51', '10.0.0.52'] },
      { at: 4535, ms: 10_230, kind: 'region-dies', server: 0 },
      { at: 10_261, ms: 6322, kind: 'zookeeper-down', servers: [1, 2, 3] },
      { at: 15_000, ms: 1255, kind: 'zookeeper-down', servers: [1] },
      { at: 15_000, ms: 14_729, kind: 'isolate', host: '10.0.0.3', but: [] },
      { at: 15_000, ms: 13_386, kind: 'freeze-host', what: 'member', number: 2 },
    ],
  },
  {
    what: 'a late answer of the primary before it had an open primary follow that one',
    seed: 91,
    faults: [
      { at: 2691, step: 11, ms: 7474, kind: 'isolate', host: 'primary', but: [] },
      { at: 4004, ms: 2029, kind: 'session-expires', what: 'coordinator', number: 2 },
      { at: 6589, ms: 6286, kind: 'isolate', host: 'primary', but: ['10.1.0.1', '10.1.0.2'] },
      { at: 10_390, ms: 8188, kind: 'zookeeper-lags', server: 3, byMs: 2603 },
      { at: 13_655, ms: 8479, kind: 'cut', from: '10.1.0.1', to: '10.1.0.2', both: true },
    ],
  },
  {
    what: 'a new primary that was out of reach once clients had gone on kept its channel to the one before',
    seed: 6882,
    faults: [
      { at: 15_000, ms: 686, kind: 'switchover', to: undefined, planned: true },
      { at: 15_000, step: 8, ms: 2372, kind: 'isolate', host: 'primary', but: ['10.0.0.51'] },
    ],
  },
  {
    what: 'an order was carried out on what had been seen before another coordinator moved the primary: the route led to the one before',
    seed: 8165,
    faults: [
      { at: 11_129, ms: 5781, kind: 'session-expires', what: 'agent', number: 0 },
      { at: 11_349, ms: 147, kind: 'switchover', to: undefined, planned: false },
      { at: 12_306, step: 12, ms: 1228, kind: 'task-white', to: 0, reroute: true },
      { at: 13_811, ms: 14_470, kind: 'isolate', host: '10.0.0.5', but: [] },
      { at: 14_306, step: 4, ms: 65, kind: 'switchover', to: 4, planned: true },
    ],
  },
  {
    what: 'a replica that no plan had reached received, for the next one, from the primary before the last, what had been given up',
    seed: 9075,
    faults: [
      { at: 4644, ms: 13_282, kind: 'isolate', host: 'primary', but: ['10.0.0.51', '10.0.0.52'] },
      { at: 6083, ms: 1373, kind: 'zookeeper-down', servers: [1, 2, 3] },
      { at: 8013, step: 5, ms: 7085, kind: 'isolate', host: 'primary', but: ['10.0.0.51', '10.0.0.52'] },
      { at: 12_589, ms: 5992, kind: 'switchover', to: 0, planned: false },
    ],
  },
  {
    what: 'an order to receive from another region, given before the failover and late, reached the former primary while its transactions were taken back',
    seed: 9547,
    faults: [
      { at: 4514, ms: 14_286, kind: 'task-white', to: 3, reroute: false },
      { at: 11_222, ms: 3640, kind: 'slow', from: 'primary', to: 'zk1', byMs: 1492 },
      { at: 15_000, ms: 2373, kind: 'session-expires', what: 'coordinator', number: 1 },
      { at: 15_000, ms: 10_706, kind: 'isolate', host: 'primary', but: ['10.0.0.51'] },
      { at: 15_000, step: 4, ms: 2635, kind: 'kill', what: 'mysqld', number: 5 },
      { at: 15_000, ms: 10_217, kind: 'freeze', what: 'coordinator', number: 1 },
      { at: 15_000, ms: 4422, kind: 'session-expires', what: 'coordinator', number: 2 },
      { at: 14_956, ms: 11_306, kind: 'region-cut', server: 0, from: 'primary' },
    ],
  },
];
