import { formatEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import { DcmhaError } from '../../src/core/model/errors.ts';
import type { CallOptions } from '../../src/ports/call-options.ts';
import { awaitAnswer } from './await-answer.ts';
import type { ReplicationSource, ReplicationWorld } from './sim-channel.ts';
import type { SimServer } from './sim-mysql-server.ts';
import type { SimProcess } from './sim-process.ts';
import type { Change } from './sim-tables.ts';

/** All that replicas attach to, and the servers among it. */
export interface SimMysqlWorld extends ReplicationWorld {
  readonly servers: ReadonlyMap<string, SimServer>;
  readonly sources: Map<string, ReplicationSource>;
  /** What it takes to give a row of a server's table a value that no other ever had, or to delete it. */
  readonly change: (server: SimServer, table: number, id: number, isDeleted?: boolean) => Change;
}

/** What a server says to a statement, now or later. */
interface Reply<T> {
  readonly finish: (value: T) => void;
  readonly reject: (error: DcmhaError) => void;
}

/** Statements of one process. One whose answer is lost, or comes too late, was executed all the same. */
export class Statements {
  readonly #world: SimMysqlWorld;
  readonly #process: SimProcess;

  constructor(world: SimMysqlWorld, process: SimProcess) {
    this.#world = world;
    this.#process = process;
  }

  /** Sends one statement; `work` runs at the server, now or when it goes on, and the answer finds its way back or not. */
  execute<T>(
    at: Endpoint,
    { timeoutMs, signal }: CallOptions,
    work: (server: SimServer, finish: Reply<T>['finish'], reject: Reply<T>['reject']) => void,
  ): Promise<T> {
    const { network } = this.#world;
    const process = this.#process;
    const deadline = process.monotonic() + timeoutMs;
    const options = { timeoutMs, signal, late: () => unreachable(at, 'ETIMEDOUT') };
    return awaitAnswer<T>(process, options, ({ resolve, reject }) => {
      const back = (settle: () => void): void =>
        network.send(at.host, process.host, deadline, () => process.run(settle));
      network.send(process.host, at.host, deadline, () => {
        const server = this.#world.servers.get(formatEndpoint(at));
        if (server?.isUp !== true) {
          back(() => reject(unreachable(at, 'ECONNREFUSED')));
          return;
        }
        const ended = (): void => back(() => reject(unreachable(at, 'PROTOCOL_CONNECTION_LOST')));
        const answered = (settle: () => void): void => {
          server.onEnd.delete(ended);
          back(settle);
        };
        server.onEnd.add(ended);
        server.run(() =>
          work(
            server,
            (value) => answered(() => resolve(value)),
            (error) => answered(() => reject(error)),
          ),
        );
      });
    });
  }
}

function unreachable(at: Endpoint, code: string): DcmhaError {
  return new DcmhaError('MYSQL_UNREACHABLE', `cannot connect to ${formatEndpoint(at)}: ${code}`, {
    details: { code },
  });
}
