import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { runtimeCommand } from '../../src/adapters/haproxy/runtime-socket.ts';
import { parseServersState } from '../../src/core/haproxy/runtime-answers.ts';
import { routerConfig } from '../../src/sandbox/config-files.ts';
import { hostOf, type TestSandbox } from './sandbox.ts';

const routerFile = z.object({ router: z.object({ runDirectory: z.string() }) });

// More would time out on a machine that has other work.
const AT_A_TIME = 4;

/** The read side of g1 at one router, as its clients and its HAProxy see it. */
export class ReadSide {
  readonly #box: TestSandbox;
  readonly #at: string;

  constructor(box: TestSandbox, router: number) {
    this.#box = box;
    const listener = box.group().listeners[router];
    if (listener === undefined) throw new Error(`no router ${router}`);
    this.#at = listener.read;
  }

  /** At which server each of so many new connections arrives: connections by server. */
  async arrivals(count: number): Promise<ReadonlyMap<string, number>> {
    const met = new Map<string, number>();
    let left = count;
    const connect = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const [row] = await this.#box.query(
          this.#at,
          "SELECT CONCAT(@@report_host, ':', @@report_port) AS at",
        );
        const server = String(row?.['at']);
        met.set(server, (met.get(server) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, connect));
    return met;
  }

  /** Who is met by connections enough to meet each of three servers of equal weight twice. */
  async servers(): Promise<readonly string[]> {
    return [...(await this.arrivals(6)).keys()].sort();
  }

  /** The weight of each server that may be read from, as HAProxy has it. */
  async weights(): Promise<ReadonlyMap<string, number>> {
    const file = parse(await readFile(routerConfig(this.#box.dir, hostOf(this.#at)), 'utf8')) as unknown;
    const socket = path.join(routerFile.parse(file).router.runDirectory, 'g1.sock');
    const answer = await runtimeCommand(socket, 'show servers state read', { timeoutMs: 5000 });
    const used = parseServersState(answer).filter(({ maintenance }) => !maintenance);
    return new Map(used.map(({ address, weight }) => [address, weight]));
  }
}
