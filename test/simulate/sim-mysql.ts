import { parseGtidSet } from '../../src/core/gtid/gtid-set.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import { DcmhaError, hasCode } from '../../src/core/model/errors.ts';
import type { EventName, ServerEvents } from '../../src/ports/events.ts';
import type { Drained, ServerSurvey } from '../../src/ports/switchover.ts';
import type { CallOptions } from '../../src/ports/call-options.ts';
import type {
  ClockOffset,
  CommitProbe,
  FenceCallOptions,
  Fenced,
  Mysql,
  Probe,
  ServerStatus,
  SourceProfile,
} from '../../src/ports/mysql.ts';
import { SimChannel } from './sim-channel.ts';
import type { SimServer } from './sim-mysql-server.ts';
import type { SimProcess } from './sim-process.ts';
import { Statements, type SimMysqlWorld } from './statements.ts';

/** MySQL as one process reaches it. A statement whose answer is lost, or comes too late, was executed all the same. */
export class SimMysql implements Mysql {
  readonly #world: SimMysqlWorld;
  readonly #process: SimProcess;
  readonly #statements: Statements;
  #commitProbe: Promise<void> | undefined;

  constructor(world: SimMysqlWorld, process: SimProcess) {
    this.#world = world;
    this.#process = process;
    this.#statements = new Statements(world, process);
  }

  async probe(at: Endpoint, options: CallOptions): Promise<Probe> {
    try {
      return { kind: 'up', status: await this.status(at, options) };
    } catch (error) {
      return failedProbe(error);
    }
  }

  status(at: Endpoint, options: CallOptions): Promise<ServerStatus> {
    return this.#statements.execute(at, options, (server, finish) =>
      finish(server.status(this.#world.clock.now)),
    );
  }

  clockOffset(at: Endpoint, options: CallOptions): Promise<ClockOffset> {
    return this.#statements.execute(at, options, (_server, finish) => finish({ aheadMs: 0, roundTripMs: 0 }));
  }

  /** With a disk that does not answer, super_read_only waits for the commits that hang. */
  fence(at: Endpoint, options: FenceCallOptions): Promise<Fenced> {
    return this.#statements.execute(at, options, (server, finish) => {
      if (server.isStalled) return;
      server.fence();
      const killed = options.graceMs === undefined ? server.endSessions() : 0;
      finish({ killed, executed: server.executed.toCompactString() });
    });
  }

  endSessions(at: Endpoint, options: CallOptions): Promise<number> {
    return this.#statements.execute(at, options, (server, finish) => finish(server.endSessions()));
  }

  openWrites(at: Endpoint, options: CallOptions): Promise<void> {
    return this.#statements.execute(at, options, (server, finish) => {
      server.setReadOnly({ readOnly: false, superReadOnly: false });
      finish();
    });
  }

  stopReceiver(at: Endpoint, name: string, options: CallOptions): Promise<void> {
    return this.#statements.execute(at, options, (server, finish) =>
      finish(server.channels.get(name)?.stopReceiver()),
    );
  }

  startReplication(at: Endpoint, name: string, options: CallOptions): Promise<void> {
    return this.#statements.execute(at, options, (server, finish) =>
      finish(server.channels.get(name)?.start()),
    );
  }

  async waitExecuted(at: Endpoint, gtids: string, options: CallOptions): Promise<boolean> {
    const wanted = parseGtidSet(gtids);
    const roundTripMs = 50;
    return this.#statements.execute<boolean>(
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
    return this.#statements.execute(at, options, (server, finish) => {
      server.channels.get(name)?.end();
      server.channels.delete(name);
      finish();
    });
  }

  follow(
    at: Endpoint,
    { channel: name, source, regional }: SourceProfile,
    options: CallOptions,
  ): Promise<void> {
    return this.#statements.execute(at, options, (server, finish, reject) => {
      if (isTooLate(server, regional)) {
        reject(new DcmhaError('MYSQL_REJECTED', 'the server is read-only'));
        return;
      }
      const existing = server.channels.get(name);
      const isSame = sameEndpoint(existing?.source, source);
      // Its source is not changed, so its relay log is kept.
      if (isSame && existing?.isRegional === true) existing.startAgain();
      else if (!isSame || existing?.receiverOn !== true || !existing.applierOn) {
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
      const state = await this.#statements.execute<'read-only' | 'writable'>(at, options, (server, finish) =>
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
    return this.#statements.execute(at, options, (server, finish) => finish(server.sessions.size));
  }

  survey(at: Endpoint, options: CallOptions): Promise<ServerSurvey> {
    return this.#statements.execute(at, options, (_, finish) =>
      finish({ logsReplicated: true, missingGrants: [], transactions: [] }),
    );
  }

  events(at: Endpoint, options: CallOptions): Promise<ServerEvents> {
    return this.#statements.execute(at, options, (_, finish) =>
      finish({ scheduler: true, enabled: [], asleep: [] }),
    );
  }

  enableEvent(at: Endpoint, _: EventName, options: CallOptions): Promise<void> {
    return this.#statements.execute(at, options, (_server, finish) => finish(undefined));
  }

  startEventScheduler(at: Endpoint, options: CallOptions): Promise<void> {
    return this.#statements.execute(at, options, (_server, finish) => finish(undefined));
  }

  lookAtClients(at: Endpoint, options: CallOptions): Promise<void> {
    return this.#statements.execute(at, options, (_, finish) => finish(undefined));
  }

  drain(at: Endpoint, options: CallOptions): Promise<Drained> {
    return this.#statements.execute(at, options, (_, finish) => finish({ busy: 0 }));
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
        else server.commit([this.#world.change(server, 0, 1)], over);
      });
    });
  }
}

function failedProbe(error: unknown): Exclude<Probe, { kind: 'up' }> {
  if (!hasCode(error, 'MYSQL_UNREACHABLE')) throw error;
  return { kind: 'down', code: String(error.details['code']), message: error.message };
}

function isTooLate(server: SimServer, regional: SourceProfile['regional']): boolean {
  return regional?.mustBeOpen === true && server.superReadOnly;
}
