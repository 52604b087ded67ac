import type { GtidSet } from '../../src/core/gtid/gtid-set.ts';
import type { MemorySalvage } from '../support/memory-salvage.ts';
import type { SimServer } from './sim-mysql-server.ts';
import { inverse, type Change } from './sim-tables.ts';
import { rowImages, type Transaction } from './sim-transaction.ts';

/** Looks, right before anything is destroyed at a server, whether all of it is saved there: its rows as bytes in the copies. */
export class SalvageWatch {
  readonly #salvage: MemorySalvage;
  readonly #violation: (text: string) => void;

  constructor(salvage: MemorySalvage, violation: (text: string) => void) {
    this.#salvage = salvage;
    this.#violation = violation;
  }

  readonly beforeTakenBack = (server: SimServer, changes: readonly Change[]): void => {
    this.#require(server, changes.map(inverse), 'taken back');
  };

  readonly beforeReset = (server: SimServer, gone: GtidSet): void => {
    this.beforeGone(
      server,
      server.transactions.filter(({ gtid }) => gone.has(gtid)),
    );
  };

  readonly beforeGone = (server: SimServer, transactions: readonly Transaction[]): void => {
    const changes = transactions.flatMap((transaction) => transaction.changes);
    this.#require(server, changes, 'gone from the binlog');
  };

  #require(server: SimServer, changes: readonly Change[], what: string): void {
    const files = [...this.#salvage.sets.values()].flatMap((set) => Object.values(set.files));
    const lost = changes.find((change) => !files.some((bytes) => bytes.includes(rowImages(change))));
    if (lost !== undefined)
      this.#violation(`${what} at ${server.name}, and saved nowhere: ${JSON.stringify(lost)}`);
  }
}
