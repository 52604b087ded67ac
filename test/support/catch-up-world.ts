import path from 'node:path';
import { Readable } from 'node:stream';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { createBinlogService } from '../../src/adapters/binlog-service/service.ts';
import { BinlogFiles } from '../../src/adapters/fs/binlog-files.ts';
import { readServerUuid } from '../../src/adapters/fs/server-uuid.ts';
import { surveyTail, type Tail } from '../../src/core/catch-up/survey-tail.ts';
import { parseGtidSet, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { catchUpChannel } from '../../src/core/perform/catch-up-standing.ts';
import type { BinlogListener, BinlogOffer } from '../../src/ports/binlog-service.ts';
import type { BinlogSource } from '../../src/ports/binlog-source.ts';
import type { Mysql } from '../../src/ports/mysql.ts';
import type { MysqldHandle } from '../../src/sandbox/mysqld.ts';
import { endpointOf, RealServers } from './real-mysql.ts';
import { silentLog } from './test-log.ts';

const servicePort = 7074;
const usual = { timeoutMs: 60_000 };

// What LOAD DATA LOCAL sends.
const infileStreamFactory = (): Readable => Readable.from([Buffer.from('erste Zeile\nzweite Zeile\n')]);

/** A real primary and a real replica that has stopped to receive; what the primary does then is fetched from its files. */
export class CatchUpWorld implements AsyncDisposable {
  readonly primary: MysqldHandle;
  readonly replica: MysqldHandle;
  readonly mysql: Mysql;
  readonly #servers: RealServers;

  private constructor(
    servers: RealServers,
    parts: { readonly primary: MysqldHandle; readonly replica: MysqldHandle; readonly mysql: Mysql },
  ) {
    this.#servers = servers;
    this.primary = parts.primary;
    this.replica = parts.replica;
    this.mysql = parts.mysql;
  }

  static async start(
    net: string,
    {
      ssl = false,
      options = {},
    }: { ssl?: boolean; options?: Readonly<Record<string, string | number>> } = {},
  ): Promise<CatchUpWorld> {
    const servers = new RealServers();
    try {
      const [primary, replica] = await Promise.all([
        servers.start(`${net}.11`, { max_allowed_packet: '256M', local_infile: 'ON', ...options }),
        servers.start(`${net}.12`, { max_allowed_packet: '256M', ...options }),
      ]);
      const account = { user: 'repl', password: primary.passwords.repl, ssl };
      const world = new CatchUpWorld(servers, {
        primary,
        replica,
        mysql: servers.mysql({ replication: account }),
      });
      await world.run(['SET GLOBAL super_read_only = OFF, read_only = OFF']);
      await world.replicate();
      return world;
    } catch (error) {
      await servers[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** By ordinary replication, as far as the primary is; then the receiver stops. */
  async replicate(): Promise<void> {
    const { mysql: servers, primary, replica } = this;
    await servers.follow(endpointOf(replica), { source: endpointOf(primary), channel: '' }, usual);
    const { executed } = await servers.status(endpointOf(primary), usual);
    await servers.waitExecuted(endpointOf(replica), executed, usual);
    await servers.stopReceiver(endpointOf(replica), '', usual);
  }

  /** Statements in one session of the primary, several in a text perhaps. */
  async run(statements: readonly string[], { mayFail = false } = {}): Promise<void> {
    const connection = await this.connect(this.primary);
    try {
      for (const sql of statements) {
        const done = connection.query({ sql, infileStreamFactory });
        await (mayFail ? done.catch(() => undefined) : done);
      }
    } finally {
      connection.destroy();
    }
  }

  async connect({ socket, passwords }: MysqldHandle): Promise<Connection> {
    const connection = await mysql.createConnection({
      socketPath: socket,
      user: 'root',
      password: passwords.root,
      multipleStatements: true,
    });
    connection.on('error', () => undefined); // it may be killed
    return connection;
  }

  async query(server: MysqldHandle, sql: string): Promise<RowDataPacket[]> {
    const connection = await this.connect(server);
    try {
      const [rows] = await connection.query<RowDataPacket[]>(sql);
      return rows;
    } finally {
      connection.destroy();
    }
  }

  files(): BinlogSource {
    return new BinlogFiles({ indexFile: path.join(this.primary.dataDir, 'binlog.index') });
  }

  async executed(server: MysqldHandle): Promise<GtidSet> {
    const [row] = await this.query(server, 'SELECT @@GLOBAL.gtid_executed AS executed');
    return parseGtidSet(String(row?.['executed']));
  }

  /** What the files hold beyond the replica. */
  async survey(files: BinlogSource = this.files()): Promise<Tail> {
    const survey = await surveyTail(files, { have: await this.executed(this.replica) });
    if (survey.kind === 'tail') return survey.tail;
    throw new Error(`a gap of ${survey.gtids.toCompactString()}`);
  }

  async offer(tail: Tail, files: BinlogSource = this.files()): Promise<BinlogOffer> {
    const { head } = tail.newest;
    return {
      files,
      tail,
      isOffered: () => true,
      mayServe: () => true,
      identity: {
        serverId: head.serverId,
        serverUuid: await readServerUuid(this.primary.dataDir),
        serverVersion: head.format.serverVersion,
      },
    };
  }

  listen(offer: BinlogOffer, port = servicePort): Promise<BinlogListener> {
    const account = { user: 'repl', password: this.primary.passwords.repl };
    const service = createBinlogService({ account, log: silentLog });
    return service.listen({ host: this.primary.host, port }, () => offer);
  }

  /** The replica begins to fetch. */
  async attach(): Promise<void> {
    const source = { host: this.primary.host, port: servicePort };
    await this.mysql.follow(
      endpointOf(this.replica),
      { source, channel: catchUpChannel, workers: 16 },
      usual,
    );
  }

  async detach(): Promise<void> {
    await this.mysql.resetReplication(endpointOf(this.replica), catchUpChannel, usual);
  }

  /** From survey to the channel's end; fails with what the replica says. */
  async catchUp(files: BinlogSource = this.files(), timeoutMs = 60_000): Promise<Tail> {
    const tail = await this.survey(files);
    await this.fetch(tail, await this.offer(tail, files), timeoutMs);
    return tail;
  }

  /** While the service runs, the replica attaches, applies all of the tail, and detaches. */
  async fetch(tail: Tail, offer: BinlogOffer, timeoutMs = 60_000): Promise<void> {
    const listener = await this.listen(offer);
    try {
      await this.attach();
      await this.untilExecuted(tail, timeoutMs);
      await this.detach();
    } finally {
      await listener[Symbol.asyncDispose]();
    }
  }

  async untilExecuted({ missing }: Tail, timeoutMs = 60_000): Promise<void> {
    const at = endpointOf(this.replica);
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (await this.mysql.waitExecuted(at, missing.toCompactString(), { timeoutMs: 1000 })) return;
      const { channels } = await this.mysql.status(at, usual);
      const channel = channels.find(({ name }) => name === catchUpChannel);
      const trouble = channel?.applierError ?? channel?.receiverError;
      if (trouble !== undefined || performance.now() > deadline)
        throw new Error(trouble ?? JSON.stringify(channel));
    }
  }

  /** One line for each table: what it holds, as far as a checksum tells. */
  async checksums(server: MysqldHandle): Promise<readonly string[]> {
    const tables = await this.query(
      server,
      `SELECT CONCAT('\`', TABLE_SCHEMA, '\`.\`', REPLACE(TABLE_NAME, '\`', '\`\`'), '\`') AS name FROM information_schema.TABLES
       WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema') ORDER BY 1`,
    );
    const lines: string[] = [];
    for (const { name } of tables) {
      // CHECKSUM TABLE is not stable with multi-valued indexes.
      const sql = String(name).endsWith('.`indexed`')
        ? `SELECT BIT_XOR(CRC32(CONCAT_WS('|', id, name, tags))) AS Checksum FROM ${String(name)}`
        : `CHECKSUM TABLE ${String(name)}`;
      const [row] = await this.query(server, sql);
      lines.push(`${String(name)} ${String(row?.['Checksum'])}`);
    }
    return lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#servers[Symbol.asyncDispose]();
  }
}
