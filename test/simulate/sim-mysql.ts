import { parseGtidSet } from '../../src/core/gtid/gtid-set.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import { DcmhaError, hasCode } from '../../src/core/model/errors.ts';
import type { EventName, ServerEvents } from '../../src/ports/events.ts';
import type { Drained, ServerSurvey } from '../../src/ports/switchover.ts';
import type {
  CallOptions,
  ClockOffset,
  CommitProbe,
  Mysql,
  Probe,
  ServerStatus,
  SourceProfile,
} from '../../src/ports/mysql.ts';
import { awaitAnswer } from './await-answer.ts';
import { SimChannel, type ReplicationSource, type ReplicationWorld } from './sim-channel.ts';
import type { SimServer } from './sim-mysql-server.ts';
import type { SimProcess } from './sim-process.ts';

/** All that replicas attach to, and the servers among it. */
export interface SimMysqlWorld extends ReplicationWorld {
  readonly servers: ReadonlyMap<string, SimServer>;
  readonly sources: Map<string, ReplicationSource>;
}

type Work<T> = (server: SimServer, finish: (value: T) => void) => void;

/** MySQL as one process reaches it. A statement whose answer is lost, or comes too late, was executed all the same. */
export class SimMysql implements Mysql {
  readonly #world: SimMysqlWorld;
  readonly #process: SimProcess;
  #commitProbe: Promise<void> | undefined;

  constructor(world: SimMysqlWorld, process: SimProcess) {
    this.#world = world;
    this.#process = process;
  }

  async probe(at: Endpoint, options: CallOptions): Promise<Probe> {
    try {
      return { kind: 'up', status: await this.status(at, options) };
    } catch (error) {
      return failedProbe(error);
    }
  }

  status(at: Endpoint, options: CallOptions): Promise<ServerStatus> {
    return this.#execute(at, options, (server, finish) => finish(server.status(this.#world.clock.now)));
  }

  clockOffset(at: Endpoint, options: CallOptions): Promise<ClockOffset> {
    return this.#execute(at, options, (_server, finish) => finish({ aheadMs: 0, roundTripMs: 0 }));
  }

  /** With a disk that does not answer, super_read_only waits for the commits that hang. */
  fence(at: Endpoint, options: CallOptions): Promise<{ readonly killed: number }> {
    return this.#execute(at, options, (server, finish) => {
      if (!server.isStalled) finish({ killed: server.fence() });
    });
  }

  openWrites(at: Endpoint, options: CallOptions): Promise<void> {
    return this.#execute(at, options, (server, finish) => {
      server.openWrites();
      finish();
    });
  }

  stopReceiver(at: Endpoint, name: string, options: CallOptions): Promise<void> {
    return this.#execute(at, options, (server, finish) => finish(server.channels.get(name)?.stopReceiver()));
  }

  startReplication(at: Endpoint, name: string, options: CallOptions): Promise<void> {
    return this.#execute(at, options, (server, finish) => finish(server.channels.get(name)?.start()));
  }

  async waitExecuted(at: Endpoint, gtids: string, options: CallOptions): Promise<boolean> {
    const wanted = parseGtidSet(gtids);
    const roundTripMs = 50;
    return this.#execute<boolean>(
      at,
      { ...options, timeoutMs: options.timeoutMs + roundTripMs },
      (server, finish) => {
        const cancel = server.whenExecuted(wanted, () => finish(true));
        this.#world.clock.after(options.timeoutMs, () => {
          cancel();
          finish(false);
        });
      },
    );
  }

  resetReplication(at: Endpoint, name: string, options: CallOptions): Promise<void> {
    return this.#execute(at, options, (server, finish) => {
      server.channels.get(name)?.end();
      server.channels.delete(name);
      finish();
    });
  }

  follow(at: Endpoint, { channel: name, source }: SourceProfile, options: CallOptions): Promise<void> {
    return this.#execute(at, options, (server, finish) => {
      const existing = server.channels.get(name);
      const isSame = sameEndpoint(existing?.source, source);
      if (!isSame || existing?.receiverOn !== true || !existing.applierOn) {
        existing?.end();
        const channel = new SimChannel(this.#world, server, { name, source });
        server.channels.set(name, channel);
        channel.start();
      }
      finish();
    });
  }

  async commitProbe(at: Endpoint, options: CallOptions): Promise<CommitProbe> {
    const began = this.#process.monotonic();
    const { timeoutMs } = options;
    try {
      const state = await this.#execute<'read-only' | 'writable'>(at, options, (server, finish) =>
        finish(server.superReadOnly ? 'read-only' : 'writable'),
      );
      if (state === 'read-only') return { kind: 'read-only' };
      // An earlier one that hangs is waited for.
      this.#commitProbe ??= this.#commit(at);
      const isDone = await Promise.race([
        this.#commitProbe.then(() => true),
        this.#process.pause(timeoutMs, options.signal).then(() => false),
      ]);
      if (!isDone) return { kind: 'stalled', message: `no commit within ${timeoutMs} ms` };
      return { kind: 'committed', tookMs: this.#process.monotonic() - began };
    } catch (error) {
      return failedProbe(error);
    }
  }

  sessionCount(at: Endpoint, options: CallOptions): Promise<number> {
    return this.#execute(at, options, (server, finish) => finish(server.sessions.size));
  }

  survey(at: Endpoint, options: CallOptions): Promise<ServerSurvey> {
    return this.#execute(at, options, (_, finish) =>
      finish({ logsReplicated: true, missingGrants: [], transactions: [] }),
    );
  }

  events(at: Endpoint, options: CallOptions): Promise<ServerEvents> {
    return this.#execute(at, options, (_, finish) => finish({ scheduler: true, enabled: [], asleep: [] }));
  }

  enableEvent(at: Endpoint, _: EventName, options: CallOptions): Promise<void> {
    return this.#execute(at, options, (_server, finish) => finish(undefined));
  }

  startEventScheduler(at: Endpoint, options: CallOptions): Promise<void> {
    return this.#execute(at, options, (_server, finish) => finish(undefined));
  }

  drain(at: Endpoint, options: CallOptions): Promise<Drained> {
    return this.#execute(at, options, (_, finish) => finish({ busy: 0 }));
  }

  watchConnection(at: Endpoint, onLost: (code: string) => void, signal: AbortSignal): void {
    const server = this.#world.servers.get(formatEndpoint(at));
    if (server === undefined || signal.aborted) return;
    const lost = (): void => {
      this.#process.run(() => {
        if (!signal.aborted) onLost('PROTOCOL_CONNECTION_LOST');
      });
    };
    server.onEnd.add(lost);
    signal.addEventListener('abort', () => server.onEnd.delete(lost), { once: true });
  }

  /** Resolves when it is committed, or can be no more. */
  #commit(at: Endpoint): Promise<void> {
    const server = this.#world.servers.get(formatEndpoint(at));
    return new Promise((resolve) => {
      const over = (): void => {
        this.#commitProbe = undefined;
        server?.onEnd.delete(over);
        resolve();
      };
      server?.onEnd.add(over);
      server?.run(() => {
        if (server.superReadOnly) over();
        else server.commit({ isOpen: true, drop: over }, over);
      });
    });
  }

  /** Sends one statement; `work` runs at the server, now or when it goes on, and the answer finds its way back or not. */
  #execute<T>(at: Endpoint, { timeoutMs, signal }: CallOptions, work: Work<T>): Promise<T> {
    const { network } = this.#world;
    const process = this.#process;
    const deadline = process.monotonic() + timeoutMs;
    const options = { timeoutMs, signal, late: () => unreachable(at, 'ETIMEDOUT') };
    return awaitAnswer<T>(process, options, ({ resolve, reject }) => {
      const back = (settle: () => void): void =>
        network.send(at.host, process.host, deadline, () => process.run(settle));
      network.send(process.host, at.host, deadline, () => {
        const server = this.#world.servers.get(formatEndpoint(at));
        if (server?.isUp !== true) back(() => reject(unreachable(at, 'ECONNREFUSED')));
        else server.run(() => work(server, (value) => back(() => resolve(value))));
      });
    });
  }
}

function unreachable(at: Endpoint, code: string): DcmhaError {
  return new DcmhaError('MYSQL_UNREACHABLE', `cannot connect to ${formatEndpoint(at)}: ${code}`, {
    details: { code },
  });
}

function failedProbe(error: unknown): Exclude<Probe, { kind: 'up' }> {
  if (!hasCode(error, 'MYSQL_UNREACHABLE')) throw error;
  return { kind: 'down', code: String(error.details['code']), message: error.message };
}
