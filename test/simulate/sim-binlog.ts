import { EMPTY_GTID_SET, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { formatEndpoint } from '../../src/core/model/endpoint.ts';
import type { BinlogOffer } from '../../src/ports/binlog-service.ts';
import type { BinlogDeps } from '../../src/roles/agent-deps.ts';
import { makeBinlog } from '../support/made-binlog.ts';
import { memoryFiles } from '../support/memory-binlog.ts';
import type { ReplicationSource } from './sim-channel.ts';
import type { SimMysqlWorld } from './sim-mysql.ts';
import type { SimServer } from './sim-mysql-server.ts';
import type { SimProcess } from './sim-process.ts';

interface WrittenFile {
  readonly previous: GtidSet;
  readonly gtids: GtidSet;
  readonly bytes: Buffer;
}

/** Transactions in a file before the next is begun. */
const PER_FILE = 50n;

/** The binlog of a simulated server, in real bytes, and what its agent hands out of it. */
export function simBinlog(world: SimMysqlWorld, server: SimServer, process: SimProcess): BinlogDeps {
  const closed: WrittenFile[] = [];
  return {
    open: () => memoryFiles(bytesOf(server, closed), 65_536),
    serverUuid: () => Promise.resolve(server.uuid),
    service: {
      listen: (at, offer) => {
        const name = formatEndpoint(at);
        const listening = new HandedOut(at.host, process, offer);
        world.sources.set(name, listening);
        return Promise.resolve({
          port: at.port,
          hangUp: () => listening.hangUp(),
          [Symbol.asyncDispose]: () => {
            listening.hangUp();
            if (world.sources.get(name) === listening) world.sources.delete(name);
            return Promise.resolve();
          },
        });
      },
    },
  };
}

function bytesOf(server: SimServer, closed: WrittenFile[]): Record<string, Buffer> {
  const last = closed.at(-1);
  const previous = last === undefined ? EMPTY_GTID_SET : last.previous.union(last.gtids);
  const gtids = server.logged.subtract(previous);
  const current = { previous, gtids, bytes: makeBinlog(server.number, gtids, previous) };
  const files = [...closed, current];
  if (gtids.count() >= PER_FILE) closed.push(current);
  return Object.fromEntries(
    files.map(({ bytes }, at) => [`binlog.${String(at + 1).padStart(6, '0')}`, bytes]),
  );
}

class HandedOut implements ReplicationSource {
  readonly host: string;
  readonly onLogged = new Set<() => void>();
  readonly onEnd = new Set<() => void>();
  readonly #process: SimProcess;
  readonly #offer: () => BinlogOffer | undefined;
  #isOver = false;

  constructor(host: string, process: SimProcess, offer: () => BinlogOffer | undefined) {
    this.host = host;
    this.#process = process;
    this.#offer = offer;
  }

  get isRunning(): boolean {
    return !this.#isOver && this.#process.isRunning && this.#offer()?.mayServe() === true;
  }

  get logged(): GtidSet {
    const offer = this.#offer();
    return offer === undefined ? EMPTY_GTID_SET : offer.tail.have.union(offered(offer));
  }

  acknowledged(): void {
    // Nobody waits for the word of whom this is handed to.
  }

  hangUp(): void {
    this.#isOver = true;
    for (const ended of [...this.onEnd]) ended();
  }
}

function offered({ tail, isOffered }: BinlogOffer): GtidSet {
  let set = EMPTY_GTID_SET;
  for (const { uuid, tag, intervals } of tail.missing.sources()) {
    for (const { start, end } of intervals) {
      for (let number = start; number <= end; number++) {
        const gtid = { uuid, tag, number };
        if (isOffered(gtid)) set = set.add(gtid);
      }
    }
  }
  return set;
}
