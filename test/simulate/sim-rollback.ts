import { EMPTY_GTID_SET, parseGtidSet, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import type { Endpoint } from '../../src/core/model/endpoint.ts';
import { DcmhaError } from '../../src/core/model/errors.ts';
import type { CallOptions } from '../../src/ports/call-options.ts';
import type { Comparison, Rollback, TableName, TakeBackRequest } from '../../src/ports/rollback.ts';
import type { SimServer } from './sim-mysql-server.ts';
import type { SimProcess } from './sim-process.ts';
import { tableNames, type Change, type SimTables } from './sim-tables.ts';
import { changesOf } from './sim-transaction.ts';
import { Statements, type SimMysqlWorld } from './statements.ts';

/** What a world looks at, or does wrong on purpose, when transactions are taken back. */
export interface TakingBack {
  /** What is taken back of what should be. */
  readonly changes: (asked: readonly Change[]) => readonly Change[];
  /** Right before these are gone from this server. */
  readonly beforeTakenBack: (server: SimServer, changes: readonly Change[]) => void;
  readonly beforeReset: (server: SimServer, gone: GtidSet) => void;
}

const QUICK_MS = 10_000;
const ATTEMPTS = 4;

/** Taking transactions back, statement by statement, so that a crash may come between any two. */
export class SimRollback implements Rollback {
  readonly #statements: Statements;
  readonly #taking: TakingBack;

  constructor(world: SimMysqlWorld, process: SimProcess, taking: TakingBack) {
    this.#statements = new Statements(world, process);
    this.#taking = taking;
  }

  standing(): ReturnType<Rollback['standing']> {
    const table = { columns: 2, hasKey: true, isCascadeParent: false };
    return Promise.resolve({ facts: { table: () => table }, engineWithout: () => undefined });
  }

  tables(): ReturnType<Rollback['tables']> {
    return Promise.resolve(() => undefined);
  }

  lift(at: Endpoint, options: CallOptions): Promise<void> {
    return this.#statements.execute(at, options, (server, finish) => {
      server.setReadOnly({ readOnly: true, superReadOnly: false });
      finish();
    });
  }

  isMarked(at: Endpoint, id: string, options: CallOptions): Promise<boolean> {
    return this.#statements.execute(at, options, (server, finish) => finish(server.marks.has(id)));
  }

  async takeBack(at: Endpoint, request: TakeBackRequest, options: CallOptions): Promise<number> {
    const { id, format, chunks } = request;
    if (await this.isMarked(at, id, options)) return 0;
    const changes: Change[] = [];
    for await (const { events } of chunks) {
      if (format !== undefined) changes.push(...changesOf(format, events));
      await this.#statements.execute(at, options, (_, finish) => finish(undefined));
    }
    const taken = this.#taking.changes(changes);
    await this.#statements.execute(at, options, (server, finish, reject) => {
      if (server.superReadOnly) {
        reject(rejected(1290, 'the server is running with --super-read-only'));
        return;
      }
      this.#taking.beforeTakenBack(server, taken);
      if (server.takeBack(id, taken)) finish(undefined);
      else reject(rejected(1032, 'a row that is to be taken back is not there'));
    });
    return changes.length;
  }

  async resetGtids(
    at: Endpoint,
    sets: { readonly own: string; readonly kept: string },
    options: CallOptions,
  ): Promise<void> {
    const [own, kept] = [parseGtidSet(sets.own), parseGtidSet(sets.kept)];
    const executed = await this.#statements.execute<GtidSet>(at, options, (server, finish) =>
      finish(server.executed),
    );
    if (executed.equals(kept)) return;
    if (!own.contains(executed)) throw rejected(0, 'the server executed more since');
    if (!executed.isEmpty())
      await this.#begin(at, EMPTY_GTID_SET, { gone: executed.subtract(kept), options });
    if (!kept.isEmpty()) await this.#begin(at, kept, { gone: EMPTY_GTID_SET, options });
  }

  async burn(at: Endpoint, gtids: string, options: CallOptions): Promise<number> {
    const wanted = parseGtidSet(gtids);
    for (const { uuid, tag, intervals } of wanted.sources()) {
      for (const { start, end } of intervals) {
        for (let number = start; number <= end; number += 1n)
          await this.#statements.execute(at, options, (server, finish) =>
            server.takeName({ uuid, tag, number }, () => finish(undefined)),
          );
      }
    }
    return Number(wanted.count());
  }

  /** As the adapter does: the primary in a snapshot, the replica stopped where that is. */
  async compare(
    servers: { readonly replica: Endpoint; readonly primary: Endpoint },
    tables: readonly TableName[],
    options: CallOptions,
  ): Promise<Comparison> {
    let suspects = tables;
    let executed = '';
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const found = await this.#compareOnce(servers, suspects, options);
      executed = found.executed.toCompactString();
      suspects = found.different;
      if (suspects.length === 0) return { kind: 'same', executed };
    }
    const [table = { schema: '', table: '' }] = suspects;
    return { kind: 'different', table };
  }

  async #compareOnce(
    { replica, primary }: { readonly replica: Endpoint; readonly primary: Endpoint },
    tables: readonly TableName[],
    options: CallOptions,
  ): Promise<{ readonly different: readonly TableName[]; readonly executed: GtidSet }> {
    const here = (work: (server: SimServer) => void) =>
      this.#statements.execute(replica, options, (server, finish) => {
        work(server);
        finish(undefined);
      });
    await here((server) => server.channels.get('')?.stopApplier());
    try {
      const quick = { ...options, timeoutMs: QUICK_MS };
      const there = await this.#statements.execute<Snapshot>(primary, quick, (server, finish) =>
        finish({ executed: server.executed, tables: server.committedTables() }),
      );
      await here((server) => server.channels.get('')?.applyUntil(there.executed));
      const snapshot = await this.#arrive(replica, there.executed, options);
      const different = tables.filter((one) => !isSame(one, there.tables, snapshot.tables));
      return { different, executed: there.executed };
    } finally {
      await here((server) => server.channels.get('')?.start());
    }
  }

  async #arrive(replica: Endpoint, at: GtidSet, options: CallOptions): Promise<Snapshot> {
    const snapshot = await this.#statements.execute<Snapshot>(replica, options, (server, finish) => {
      server.whenExecuted(at, () => finish({ executed: server.executed, tables: server.committedTables() }));
    });
    if (at.contains(snapshot.executed)) return snapshot;
    const more = snapshot.executed.subtract(at).toCompactString();
    throw new DcmhaError('TIMED_OUT', `the replica has ${more}, which its primary lacks`);
  }

  #begin(
    at: Endpoint,
    purged: GtidSet,
    { gone, options }: { readonly gone: GtidSet; readonly options: CallOptions },
  ): Promise<void> {
    return this.#statements.execute(at, options, (server, finish) => {
      this.#taking.beforeReset(server, gone);
      server.beginLog(purged);
      finish();
    });
  }
}

interface Snapshot {
  readonly executed: GtidSet;
  readonly tables: SimTables;
}

function isSame({ schema, table }: TableName, one: SimTables, other: SimTables): boolean {
  const number = tableNames.findIndex((known) => known.schema === schema && known.table === table);
  return one.isSame(number, other);
}

function rejected(errno: number, message: string): DcmhaError {
  return new DcmhaError('MYSQL_REJECTED', message, { details: { errno } });
}
