import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drain, lookAtClients } from '../../../src/adapters/mysql/drain.ts';
import type { Session } from '../../../src/adapters/mysql/session.ts';
import { Deadline } from '../../../src/adapters/system/deadline.ts';

interface Client {
  readonly id: number;
  /** Undefined: it has not logged in yet. */
  readonly user?: string;
  readonly command?: string;
  /** Its latest. */
  readonly transaction?: number;
  readonly isOver?: boolean;
  readonly autocommit?: boolean;
}

const asleep = (id: number): Client => ({ id, user: 'app', command: 'Sleep' });
const doneWith = (id: number, transaction: number): Client => ({ ...asleep(id), transaction, isOver: true });
const writing = (id: number, transaction: number, autocommit = false): Client => ({
  id,
  user: 'app',
  command: 'Query',
  transaction,
  autocommit,
});
const ourselves = { id: 1, user: 'dcmha', command: 'Query' };
const soon = () => new Deadline({ timeoutMs: 5000 });

/** A server that shows these clients, look by look, and the last ones from then on. */
class Looks {
  count = 0;
  readonly ended: number[] = [];
  readonly #looks: readonly (readonly Client[])[];

  constructor(...looks: readonly (readonly Client[])[]) {
    this.#looks = looks;
  }

  get session(): Session {
    const query = () => {
      const clients = this.#looks[Math.min(this.count, this.#looks.length - 1)] ?? [];
      this.count += 1;
      return Promise.resolve([ourselves, ...clients].map(rowOf));
    };
    return { query } as unknown as Session;
  }

  first() {
    return lookAtClients(this.session, ['dcmha'], soon());
  }

  drain(more: { readonly before?: Awaited<ReturnType<Looks['first']>>; readonly leaving?: number } = {}) {
    const end = (ids: readonly number[]): void => void this.ended.push(...ids);
    const { before, leaving } = more;
    return drain(this.session, { ownUsers: ['dcmha'], end, forMs: 60, before, leaving }, soon());
  }
}

function rowOf({ id, user, command, transaction, isOver = false, autocommit = false }: Client) {
  return {
    id,
    user: user ?? null,
    command: command ?? 'Connect',
    state: '',
    transaction: transaction ?? null,
    active: transaction === undefined ? null : Number(!isOver),
    autocommit: transaction === undefined ? null : Number(autocommit),
    collected: 1,
  };
}

describe('a drain', () => {
  it('looks twice at who is asleep, once where there was a look before', async () => {
    const looks = new Looks([asleep(7)]);
    assert.deepEqual([await looks.drain(), looks.count, looks.ended], [{ busy: 0 }, 2, [7]]);
    const again = new Looks([asleep(7)]);
    const before = await again.first();
    assert.deepEqual([await again.drain({ before }), again.count, again.ended], [{ busy: 0 }, 2, [7]]);
  });

  it('waits for nobody whose transaction ends with its statement, and does not end it', async () => {
    const looks = new Looks([writing(7, 1, true)]);
    assert.deepEqual([await looks.drain(), looks.count, looks.ended], [{ busy: 0 }, 1, []]);
  });

  it('waits for an open transaction, and ends its session once that has ended', async () => {
    const looks = new Looks([writing(7, 1)], [writing(7, 1)], [writing(7, 1)], [asleep(7)]);
    assert.deepEqual([await looks.drain(), looks.count, looks.ended], [{ busy: 0 }, 4, [7]]);
    const stuck = new Looks([writing(7, 1)]);
    assert.deepEqual([await stuck.drain(), stuck.ended], [{ busy: 1 }, []]);
  });

  it('waits longer for who is just logging in, until what it came for is done, but for its own connection not at all', async () => {
    const arriving: readonly (readonly Client[])[] = Array.from({ length: 14 }, () => [{ id: 7 }]);
    const looks = new Looks(...arriving, [asleep(7)], [asleep(7)], [doneWith(7, 1)]);
    assert.deepEqual([await looks.drain(), looks.count, looks.ended], [{ busy: 0 }, 17, [7]]);
    const own = new Looks([{ id: 7 }]);
    assert.deepEqual([await own.drain({ leaving: 7 }), own.count], [{ busy: 0 }, 1]);
  });

  it('waits for who came since the look before, and has had nothing done yet', async () => {
    const looks = new Looks([asleep(6)], [asleep(6), asleep(7)], [asleep(7)], [writing(7, 1, true)]);
    const before = await looks.first();
    assert.deepEqual([await looks.drain({ before }), looks.count, looks.ended], [{ busy: 0 }, 4, [6]]);
    const silent = new Looks([], [asleep(7)]);
    const nobody = await silent.first();
    assert.deepEqual([await silent.drain({ before: nobody }), silent.ended], [{ busy: 1 }, []]);
  });
});
