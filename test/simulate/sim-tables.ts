/** A row that came, went or became another: `before` is absent for one that is new, `after` for one that is gone. */
export interface Change {
  readonly table: number;
  readonly id: number;
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** Tables by their numbers: that of the commit probes, those of the applications, and that of another region's. */
export const tableNames = [
  { schema: 'dcmha', table: 'heartbeat' },
  { schema: 'app', table: 'a' },
  { schema: 'app', table: 'b' },
  { schema: 'eu', table: 'a' },
] as const;

const MOST_ROWS = 1000;

/** What a server's tables hold: of each row an id and one value. */
export class SimTables {
  readonly #rows: Map<number, number>;

  constructor(rows: ReadonlyMap<number, number> = new Map()) {
    this.#rows = new Map(rows);
  }

  /** What it takes to make the row this value, or to delete it; one that is not there is made. */
  changeTo(table: number, id: number, value: number, isDeleted = false): Change {
    const before = this.#rows.get(keyOf(table, id));
    return { table, id, before, after: isDeleted && before !== undefined ? undefined : value };
  }

  /** By the row's key, as a replica does. False when the row is not there, or one is that should not be. */
  apply({ table, id, before, after }: Change): boolean {
    const key = keyOf(table, id);
    if (this.#rows.has(key) !== (before !== undefined)) return false;
    if (after === undefined) this.#rows.delete(key);
    else this.#rows.set(key, after);
    return true;
  }

  copy(): SimTables {
    return new SimTables(this.#rows);
  }

  /** Number of the first table that is not the same; undefined when all are. */
  differs(other: SimTables): number | undefined {
    const keys = new Set([...this.#rows.keys(), ...other.#rows.keys()]);
    const found = [...keys].filter((key) => this.#rows.get(key) !== other.#rows.get(key));
    const [first] = found.sort((a, b) => a - b);
    return first === undefined ? undefined : Math.floor(first / MOST_ROWS);
  }

  isSame(table: number, other: SimTables): boolean {
    for (let id = 0; id < MOST_ROWS; id += 1) {
      const key = keyOf(table, id);
      if (this.#rows.get(key) !== other.#rows.get(key)) return false;
    }
    return true;
  }
}

/** What undoes a change. */
export function inverse({ before, after, ...row }: Change): Change {
  return { ...row, before: after, after: before };
}

function keyOf(table: number, id: number): number {
  return table * MOST_ROWS + id;
}
