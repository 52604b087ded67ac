import { setMaxListeners } from 'node:events';
import type { Alert } from '../../src/core/model/alert.ts';
import { AlertDesk } from '../../src/core/alerts/desk.ts';
import { addRouters } from '../../src/core/store/inventory-changes.ts';
import { readHistory, type HistoryRecord } from '../../src/core/store/history.ts';
import { encodeRouteAck, presentRouteAck, readRoute } from '../../src/core/store/routes.ts';
import { submitTask, type NewTask } from '../../src/core/store/tasks.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import type { FenceCommand } from '../../src/core/perform/fence-command.ts';
import type { Route } from '../../src/core/model/group.ts';
import { runCoordinator, type CoordinatorDeps } from '../../src/roles/coordinator/coordinator.ts';
import { AgentStage } from './agent-stage.ts';
import type { FakeCoordination } from './fake-coordination.ts';
import { recordingLog, type RecordingLog } from './test-log.ts';
import { usualCoordinator } from './usual-roles.ts';

// As the program does: one signal ends dozens of watches.
setMaxListeners(0);

const router = { host: '10.0.0.51', port: 7072 };

/** One coordinator on a stage: the real role, on fakes. */
export class StageCoordinator {
  readonly by: string;
  readonly log: RecordingLog = recordingLog();
  readonly coordination: FakeCoordination;
  readonly alerts: Alert[] = [];
  /** `fence.command`, where a test has one. */
  fenceCommand: FenceCommand | undefined;
  readonly #stage: AgentStage;
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();

  constructor(stage: AgentStage, by: string) {
    this.#stage = stage;
    this.by = by;
    this.coordination = stage.zookeeper.connect({ sessionTimeoutMs: stage.sessionTimeoutMs });
  }

  start(policy: Partial<CoordinatorDeps['policy']> = {}): void {
    const { clock, world, peers } = this.#stage;
    const { coordination, by, log } = this;
    const sink = { name: 'test', send: (alert: Alert) => Promise.resolve(void this.alerts.push(alert)) };
    const alerts = new AlertDesk({ sinks: [sink], clock, log, repeatMs: 300_000 });
    const ports = {
      coordination,
      mysql: world.from(by),
      peers: peers.from(by),
      alerts,
      clock,
      log,
      by,
      fenceCommand: this.fenceCommand,
      regional: { servers: world.regional(by), random: () => 0, graceMs: 3000 },
    };
    this.#done = runCoordinator(usualCoordinator(ports, { policy, tickMs: 1000 }), this.#stop.signal);
    this.#done.catch(() => undefined);
  }

  /** SIGKILL: not one more call gets out, nothing is said to anybody; the session is left to expire. */
  kill(): void {
    this.coordination.cutOff();
    this.#stop.abort(new Error('killed'));
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

/** A running group of three with agents, a router that obeys, and coordinators. */
export class CoordinatorStage {
  readonly agents: AgentStage;
  readonly #router = new AbortController();
  readonly #store: FakeCoordination;
  readonly coordinators: StageCoordinator[] = [];

  private constructor(agents: AgentStage) {
    this.agents = agents;
    this.#store = agents.zookeeper.connect();
  }

  /** Host 1 is the primary, 2 and 3 are read from. */
  static async running(
    coordinators = 1,
    policy: Partial<CoordinatorDeps['policy']> = {},
  ): Promise<CoordinatorStage> {
    const agents = await AgentStage.running(3);
    const stage = new CoordinatorStage(agents);
    await addRouters(stage.#store, 'g1', [router]);
    agents.zookeeper.put(
      znodes.route('g1'),
      JSON.stringify({ read: ['10.0.0.2:3306', '10.0.0.3:3306'], write: '10.0.0.1:3306' }),
    );
    for (let n = 1; n <= coordinators; n += 1) stage.add(`c${n}`, policy);
    await stage.startRouter();
    await agents.clock.runFor(2000);
    return stage;
  }

  add(
    by: string,
    policy: Partial<CoordinatorDeps['policy']> = {},
    fenceCommand?: FenceCommand,
  ): StageCoordinator {
    const coordinator = new StageCoordinator(this.agents, by);
    coordinator.fenceCommand = fenceCommand;
    this.coordinators.push(coordinator);
    coordinator.start(policy);
    return coordinator;
  }

  coordinator(n: number): StageCoordinator {
    const coordinator = this.coordinators[n - 1];
    if (coordinator === undefined) throw new Error(`there is no coordinator ${n}`);
    return coordinator;
  }

  /** A router that has whatever is published in force at once. */
  async startRouter(): Promise<void> {
    const ack = { router: '10.0.0.51:7072', version: -1, write: '', oldSessions: 0, leaseMs: 4000 };
    const presence = presentRouteAck(this.#store, 'g1', ack);
    const apply = async (): Promise<void> => {
      const published = await readRoute(this.#store, 'g1');
      if (published === undefined) return;
      const { write, holdMs } = published.route;
      const text = write === undefined ? '' : `${write.host}:${write.port}`;
      await presence.update(
        encodeRouteAck({ ...ack, version: published.version, write: text, held: holdMs !== undefined }),
      );
    };
    // A route that cannot be read changes nothing here, as in the real router.
    const look = (): void => void apply().catch(() => undefined);
    this.#store.watchData(znodes.route('g1'), look, this.#router.signal);
    await apply();
  }

  /** The router takes no route any more, and its session stands. */
  hangRouter(): void {
    this.#router.abort();
  }

  /** The router's process is gone, with its session. */
  stopRouter(): void {
    this.#router.abort();
    this.#store.expire();
  }

  async route(): Promise<Route | undefined> {
    return (await readRoute(this.agents.observer, 'g1'))?.route;
  }

  history(): Promise<readonly HistoryRecord[]> {
    return readHistory(this.agents.observer, 'g1');
  }

  order(task: NewTask): Promise<string> {
    return submitTask(this.agents.observer, task);
  }

  /** Which hosts are writable now. */
  writable(): readonly number[] {
    return this.agents.hosts.flatMap(({ server }, at) =>
      server.alive && !server.superReadOnly ? [at + 1] : [],
    );
  }

  primary(): string | undefined {
    return this.agents.zookeeper.node(znodes.master('g1'))?.data.toString('utf8');
  }

  /** The steps, or plans, of which some coordinator's log has a line with this message, in order. */
  log(message: string): readonly string[] {
    return this.coordinators.flatMap(({ log }) =>
      log.lines
        .filter((line) => line.message === message)
        .map(({ fields }) => String(fields['step'] ?? fields['result'])),
    );
  }

  alertKinds(): string[] {
    return this.coordinators.flatMap(({ alerts }) => alerts.map(({ kind, state }) => `${kind} ${state}`));
  }

  async end(): Promise<void> {
    this.#router.abort();
    await this.agents.clock.runThrough(
      Promise.all(this.coordinators.map((coordinator) => coordinator.end())),
    );
    await this.agents.end();
  }
}
