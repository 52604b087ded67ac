import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { httpLeasePort } from '../../src/adapters/haproxy/lease-port.ts';
import { Haproxy, type HaproxyOptions } from '../../src/adapters/haproxy/haproxy.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { fileName } from '../../src/core/haproxy/names.ts';
import type { Endpoint } from '../../src/core/model/endpoint.ts';
import { makeScratch } from '../../src/sandbox/scratch.ts';
import { eventually } from './eventually.ts';
import { freePortPair } from './free-port.ts';
import { startNamedServer, type NamedServer } from './named-server.ts';
import { startSilentServer } from './silent-server.ts';
import { openSession, type TcpSession } from './tcp-session.ts';
import { recordingLog, type RecordingLog } from './test-log.ts';

/** A real HAProxy of one group in a directory of its own, before two servers that only say their names. */
export interface RealHaproxy extends AsyncDisposable {
  readonly proxy: Haproxy;
  readonly a: NamedServer;
  readonly b: NamedServer;
  readonly directory: string;
  readonly file: string;
  readonly write: Endpoint;
  readonly read: Endpoint;
  readonly log: RecordingLog;
  readonly options: HaproxyOptions;
  /** What the lease port answers. */
  lease: boolean;
  /** From now on the lease port accepts connections and does not answer. */
  readonly hangLease: () => Promise<void>;
  /** Another router for the same files. */
  readonly next: () => Haproxy;
  readonly connect: () => Promise<TcpSession | undefined>;
  readonly reads: () => Promise<readonly string[]>;
  readonly edit: (change: (text: string) => string) => Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
}

export async function startRealHaproxy(
  overrides: Partial<HaproxyOptions> = {},
  hosts: readonly [string, string] = ['127.82.0.1', '127.82.0.2'],
): Promise<RealHaproxy> {
  const directory = makeScratch();
  const bind = '127.82.0.9';
  const writePort = await freePortPair(bind);
  const leasePort = await freePortPair('127.0.0.1');
  const log = recordingLog();
  const options: HaproxyOptions = {
    group: 'g1',
    // To try another version.
    program: process.env['DCMHA_TEST_HAPROXY'] ?? 'haproxy',
    directory,
    runDirectory: path.join(directory, 'run'),
    lease: { port: leasePort, intervalMs: 100, doubtIntervalMs: 200, fall: 3 },
    bind,
    writePort,
    ...overrides,
  };
  const a = await startNamedServer(hosts[0]);
  const b = await startNamedServer(hosts[1]);
  const proxies: Haproxy[] = [];
  const next = (): Haproxy => {
    const proxy = new Haproxy(options, { clock: systemClock, log });
    proxies.push(proxy);
    return proxy;
  };
  const file = path.join(directory, `${fileName(options.group)}.cfg`);
  const write = { host: bind, port: writePort };
  const read = { host: bind, port: writePort + 1 };
  let lease: AsyncDisposable;
  const harness = {
    lease: true,
    proxy: next(),
    a,
    b,
    directory,
    file,
    write,
    read,
    log,
    options,
    next,
    hangLease: async () => {
      await lease[Symbol.asyncDispose]();
      lease = await startSilentServer('127.0.0.1', leasePort);
    },
    connect: () => openSession(write),
    reads: () => readers(read),
    edit: async (change: (text: string) => string) => {
      const text = await readFile(file, 'latin1').catch(() => '');
      await writeFile(file, change(text), 'latin1');
    },
    kill: async (signal: NodeJS.Signals) => {
      const { pid } = await harness.proxy.state();
      if (pid === undefined) throw new Error('haproxy does not run');
      process.kill(pid, signal);
      if (signal !== 'SIGKILL') return;
      await eventually(async () => (await harness.proxy.state()).pid !== pid, {
        timeoutMs: 5000,
        everyMs: 1,
      });
    },
    [Symbol.asyncDispose]: async () => {
      for (const proxy of proxies) await proxy.close({ stop: true });
      await lease[Symbol.asyncDispose]();
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
  lease = await httpLeasePort.listen(leasePort, () => harness.lease);
  return harness;
}

async function readers(at: Endpoint): Promise<readonly string[]> {
  const sessions = await Promise.all(Array.from({ length: 6 }, () => openSession(at)));
  for (const session of sessions) session?.end();
  return [...new Set(sessions.flatMap((session) => session?.server ?? []))].sort();
}
