import type { Connection, RowDataPacket } from 'mysql2/promise';
import { setTimeout as pause } from 'node:timers/promises';
import { connectTo } from '../../../src/sandbox/connect.ts';
import type { PeerProxy } from './proxy.ts';

const EVERY_MS = 20;
const ANSWER_MS = 200;

// A member that lost its majority says of itself that it is the primary for as long as it waits: it must see most of the group.
const IS_WRITER = `SELECT SUM(MEMBER_ID = @@server_uuid AND MEMBER_ROLE = 'PRIMARY' AND MEMBER_STATE = 'ONLINE') = 1
  AND 2 * SUM(MEMBER_STATE <> 'UNREACHABLE') > COUNT(*) AND @@GLOBAL.super_read_only = 0 AS is_writer
  FROM performance_schema.replication_group_members`;

/**
 * Leads the peer's HAProxy to the member that says of itself that it is the primary, takes writes and has a majority. Chosen to be the best
 * that Group Replication can have: every member is asked over a standing connection 50 times a second, so its own decision costs
 * the outage about 20 ms; an external check, or MySQL Router's, polls far less often.
 */
export class PeerWatcher implements AsyncDisposable {
  readonly #dir: string;
  readonly #proxy: PeerProxy;
  readonly #stop = new AbortController();
  readonly #connections = new Map<string, Connection>();
  #done: Promise<unknown> = Promise.resolve();
  #leadsTo: string | undefined;
  #switching: Promise<void> = Promise.resolve();

  constructor(dir: string, proxy: PeerProxy) {
    this.#dir = dir;
    this.#proxy = proxy;
  }

  get leadsTo(): string | undefined {
    return this.#leadsTo;
  }

  start(members: readonly string[]): void {
    this.#done = Promise.all(members.map((member) => this.#watch(member)));
  }

  async #watch(member: string): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if ((await this.#isWriter(member)) && this.#leadsTo !== member) {
        this.#leadsTo = member;
        this.#switching = this.#switching.then(() => this.#proxy.lead(member));
        await this.#switching;
      }
      await pause(EVERY_MS);
    }
  }

  async #isWriter(member: string): Promise<boolean> {
    const late = new AbortController();
    const answer = this.#ask(member).catch(() => undefined);
    const first = await Promise.race([answer, pause(ANSWER_MS, undefined, { signal: late.signal })]);
    late.abort();
    if (first === undefined) this.#drop(member);
    return first ?? false;
  }

  async #ask(member: string): Promise<boolean> {
    const connection = this.#connections.get(member) ?? (await this.#connect(member));
    const [rows] = await connection.query<RowDataPacket[]>(IS_WRITER);
    return Number(rows[0]?.['is_writer']) === 1;
  }

  async #connect(member: string): Promise<Connection> {
    const connection = await connectTo({
      dir: this.#dir,
      at: member,
      as: 'dcmha',
      connectTimeoutMs: ANSWER_MS,
    });
    this.#connections.set(member, connection);
    return connection;
  }

  #drop(member: string): void {
    this.#connections.get(member)?.destroy();
    this.#connections.delete(member);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    for (const member of [...this.#connections.keys()]) this.#drop(member);
  }
}
