import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { setTimeout as pause } from 'node:timers/promises';
import { readSecret } from '../../src/sandbox/connect.ts';
import { shortDirectory } from '../../src/sandbox/config-files.ts';
import { mysqldFiles } from '../../src/sandbox/mysqld-config.ts';
import type { ProcessSpec } from '../../src/sandbox/state.ts';
import type { TestSandbox } from './sandbox.ts';

const EVERY_MS = 20;
const ANSWER_MS = 250;

interface Violation {
  /** On the monotonic clock, ms. */
  readonly at: number;
  readonly hosts: readonly string[];
}

/**
 * Asks every server of a sandbox all the time whether an application could write there, over its local socket, so that no cut network
 * hides the answer. Remembers each round in which more than one said yes.
 */
export class WritableWatch implements AsyncDisposable {
  readonly #servers: readonly WatchedServer[];
  readonly #stop = new AbortController();
  readonly #violations: Violation[] = [];
  readonly #done: Promise<void>;
  #rounds = 0;

  private constructor(servers: readonly WatchedServer[]) {
    this.#servers = servers;
    this.#done = this.#run();
  }

  static async start(sandbox: TestSandbox): Promise<WritableWatch> {
    const password = await readSecret(sandbox.dir, 'dcmha');
    const specs = sandbox.state.processes.filter(({ kind }) => kind === 'mysqld');
    return new WritableWatch(
      specs.map((spec) => new WatchedServer(spec, socketOf(spec, sandbox.state.id), password)),
    );
  }

  /** Each round in which two servers were writable. */
  get violations(): readonly Violation[] {
    return this.#violations;
  }

  get rounds(): number {
    return this.#rounds;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const answers = await Promise.all(this.#servers.map((server) => server.isWritable()));
      const writable = this.#servers.filter((_, at) => answers[at] === true).map(({ host }) => host);
      if (writable.length > 1) this.#violations.push({ at: performance.now(), hosts: writable });
      this.#rounds += 1;
      await pause(EVERY_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    for (const server of this.#servers) server.drop();
  }
}

function socketOf(spec: ProcessSpec, id: string): string {
  return mysqldFiles({ dir: spec.dir, host: spec.host, port: spec.port, shortDir: shortDirectory(id) })
    .socket;
}

class WatchedServer {
  readonly host: string;
  readonly #socketPath: string;
  readonly #password: string;
  #connection: Connection | undefined;

  constructor({ host }: ProcessSpec, socketPath: string, password: string) {
    this.host = host;
    this.#socketPath = socketPath;
    this.#password = password;
  }

  /** undefined: it does not answer; a process that is stopped or gone takes no writes. */
  async isWritable(): Promise<boolean | undefined> {
    const late = new AbortController();
    const answer = this.#ask().catch(() => undefined);
    const first = await Promise.race([answer, pause(ANSWER_MS, undefined, { signal: late.signal })]);
    late.abort();
    if (first === undefined) this.drop();
    return first;
  }

  async #ask(): Promise<boolean> {
    this.#connection ??= await this.#connect();
    const [rows] = await this.#connection.query<RowDataPacket[]>('SELECT @@GLOBAL.read_only AS closed');
    return Number(rows[0]?.['closed']) === 0;
  }

  async #connect(): Promise<Connection> {
    const connection = await createConnection({
      socketPath: this.#socketPath,
      user: 'dcmha',
      password: this.#password,
    });
    connection.on('error', () => undefined);
    return connection;
  }

  drop(): void {
    this.#connection?.destroy();
    this.#connection = undefined;
  }
}
