import { EMPTY_GTID_SET, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { formatEndpoint } from '../../src/core/model/endpoint.ts';
import type { BinlogOffer } from '../../src/ports/binlog-service.ts';
import type { BinlogSource } from '../../src/ports/binlog-source.ts';
import type { BinlogDeps } from '../../src/roles/agent/deps.ts';
import { memoryFiles } from '../support/memory-binlog.ts';
import type { Receiver, ReplicationSource } from './sim-channel.ts';
import type { SimServer } from './sim-mysql-server.ts';
import type { SimProcess } from './sim-process.ts';
import type { Transaction } from './sim-transaction.ts';
import type { SimMysqlWorld } from './statements.ts';

/** The binlog of a simulated server, in real bytes, and what its agent hands out of it. */
export function simBinlog(world: SimMysqlWorld, server: SimServer, process: SimProcess): BinlogDeps {
  return {
    open: () => filesOf(server),
    serverUuid: () => Promise.resolve(server.uuid),
    service: {
      listen: (at, offer) => {
        const name = formatEndpoint(at);
        const listening = new HandedOut(server, process, offer);
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

/** As they are when they are read. */
function filesOf({ log }: SimServer): BinlogSource {
  const now = (): BinlogSource => memoryFiles(log.files(), 65_536);
  return { list: () => now().list(), open: (name) => now().open(name) };
}

class HandedOut implements ReplicationSource {
  readonly host: string;
  readonly receivers = new Set<Receiver>();
  readonly purged: GtidSet = EMPTY_GTID_SET;
  readonly #server: SimServer;
  readonly #process: SimProcess;
  readonly #offer: () => BinlogOffer | undefined;
  #handed: { readonly offer: BinlogOffer; readonly transactions: readonly Transaction[] } | undefined;
  #isOver = false;

  constructor(server: SimServer, process: SimProcess, offer: () => BinlogOffer | undefined) {
    this.host = server.host;
    this.#server = server;
    this.#process = process;
    this.#offer = offer;
  }

  get isRunning(): boolean {
    return !this.#isOver && this.#process.isRunning && this.#offer()?.mayServe() === true;
  }

  get transactions(): readonly Transaction[] {
    const offer = this.#offer();
    if (offer === undefined) return [];
    if (this.#handed?.offer !== offer) {
      const transactions = this.#server.transactions.filter(({ gtid }) => offer.isOffered(gtid));
      this.#handed = { offer, transactions };
    }
    return this.#handed.transactions;
  }

  acknowledged(): void {
    // Nobody waits for the word of whom this is handed to.
  }

  hangUp(): void {
    this.#isOver = true;
    for (const receiver of [...this.receivers]) receiver.sourceEnded();
  }
}
