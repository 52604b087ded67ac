import type { RegionalLogin } from '../adapters/mysql/regional-channel.ts';
import type { Login, LoginTls } from '../adapters/mysql/session.ts';
import type { Config } from '../config/schema.ts';
import { readCertificate, readKey, readSecret } from '../config/secret.ts';
import type { Log } from '../ports/system.ts';

interface Account {
  readonly user: string;
  readonly password: string;
}

/** Who we are to servers and peers. Passwords are read from the files that the configuration names, and stay in memory. */
export class Logins {
  readonly #config: Config;
  readonly #log: Log;

  constructor(config: Config, log: Log) {
    this.#config = config;
    this.#log = log;
  }

  /** undefined: the tree is open to everybody. */
  async zookeeper(): Promise<Account | undefined> {
    const { user, passwordFile } = this.#config.zookeeper;
    if (user === '') return undefined;
    return { user, password: await this.#secret('zookeeper.passwordFile', passwordFile) };
  }

  /** `localHost`: the host whose server is reached by its socket, where one is configured. */
  async mysql(localHost?: string): Promise<Login> {
    const { mysql, agent } = this.#config;
    const password = await this.#secret('mysql.passwordFile', mysql.passwordFile);
    return {
      user: mysql.user,
      password,
      ssl: mysql.ssl ? { ca: await readCertificate(mysql.sslCaFile) } : undefined,
      socketOf: ({ host }) => (host === localHost ? agent.socket : undefined),
      secrets: [password],
    };
  }

  async replication(): Promise<Account> {
    const { replicationUser: user, replicationPasswordFile: file } = this.#config.mysql;
    return { user, password: await this.#secret('mysql.replicationPasswordFile', file) };
  }

  /** How regional channels log in; the files are those of the MySQL hosts. */
  async regional(): Promise<RegionalLogin> {
    const { user, passwordFile, sslCaFile, sslCertFile, sslKeyFile } = this.#config.addition;
    const account =
      user === ''
        ? await this.replication()
        : { user, password: await this.#secret('addition.passwordFile', passwordFile) };
    return { ...account, tls: { caFile: sslCaFile, certFile: sslCertFile, keyFile: sslKeyFile } };
  }

  /** The same for who asks servers of regions from here: what is in those files. */
  async regionalTls(): Promise<LoginTls> {
    const { sslCaFile, sslCertFile, sslKeyFile } = this.#config.addition;
    return {
      ca: await readCertificate(sslCaFile, 'addition.sslCaFile'),
      cert: await readCertificate(sslCertFile, 'addition.sslCertFile'),
      key: await readKey(sslKeyFile, 'addition.sslKeyFile'),
    };
  }

  /** What peers of this installation know each other by. */
  peer(): Promise<string> {
    return this.#secret('peer.secretFile', this.#config.peer.secretFile);
  }

  async #secret(key: string, file: string | undefined): Promise<string> {
    return readSecret({
      key,
      file,
      env: process.env,
      warn: (message, fields) => this.#log.warn(message, fields),
    });
  }
}
