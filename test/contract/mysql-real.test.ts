import { readdirSync, readFileSync } from 'node:fs';
import type { Connection } from 'mysql2/promise';
import type { MysqldHandle } from '../../src/sandbox/mysqld.ts';
import { eventually } from '../support/eventually.ts';
import { endpointOf, RealServers } from '../support/real-mysql.ts';
import { recordingLog } from '../support/test-log.ts';
import { mysqlContract, type ContractServer } from './mysql-suite.ts';

mysqlContract('real servers', async () => {
  const servers = new RealServers();
  const [a, b] = await Promise.all([servers.start('127.81.0.1'), servers.start('127.81.0.2')]);
  const log = recordingLog();
  const mysql = servers.mysql({ log });
  return {
    mysql,
    a: control(servers, a),
    b: control(servers, b),
    stranger: servers.mysql({ account: { user: 'dcmha', password: 'not this' } }),
    watch: async (watched, onLost, signal) => {
      mysql.watchConnection(watched.at, onLost, signal);
      await eventually(() => log.lines.some(({ message }) => message === 'watching a connection'), {
        timeoutMs: 5000,
      });
    },
    run: (call) => call,
    close: () => servers[Symbol.asyncDispose](),
  };
});

/** Whether every thread has stopped: the signal takes effect a little after it is sent. */
function isStopped(pid: number | undefined): boolean {
  const tasks = `/proc/${pid ?? 0}/task`;
  return readdirSync(tasks).every((task) => readFileSync(`${tasks}/${task}/stat`, 'latin1').includes(') T '));
}

function control(servers: RealServers, server: MysqldHandle): ContractServer {
  const clients: Connection[] = [];
  return {
    at: endpointOf(server),
    stop: () => server.kill('SIGKILL'),
    start: () => server.start(),
    hang: async () => {
      await server.kill('SIGSTOP');
      await eventually(() => isStopped(server.pid()), { timeoutMs: 5000 });
    },
    resume: () => server.kill('SIGCONT'),
    openClient: async () => {
      clients.push(await servers.client(server, 'app'));
    },
    write: async () => {
      const rows = await servers.query(
        server,
        'app',
        'CREATE TABLE IF NOT EXISTS app.t (id BIGINT PRIMARY KEY AUTO_INCREMENT)',
        'INSERT INTO app.t () VALUES ()',
        'SELECT @@GLOBAL.gtid_executed AS executed',
      );
      return String(rows[0]?.['executed']);
    },
  };
}
