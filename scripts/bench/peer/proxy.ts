import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { Runtime } from '../../../src/adapters/haproxy/runtime.ts';
import { switchWrite } from '../../../src/adapters/haproxy/switch-write.ts';
import { parseEndpoint } from '../../../src/core/model/endpoint.ts';
import { spawnDetached } from '../../../src/sandbox/process.ts';
import { knock } from '../../../src/sandbox/ready.ts';
import { markOf, type SandboxState } from '../../../src/sandbox/state.ts';
import { eventually } from '../../../test/support/eventually.ts';

const SWITCH_MS = 2000;

/**
 * An HAProxy for the peer, with the time-outs of dcmha's own and switched by the very same function (runtime socket, no reload), so
 * that what differs is who decides. Without a check: the watcher is faster than any.
 */
export async function startPeerProxy(state: SandboxState, at: string): Promise<PeerProxy> {
  const socket = `/tmp/dcmha-${state.id}/peer.sock`;
  const file = path.join(state.dir, 'hosts/peer-haproxy.cfg');
  const text = `global
    maxconn 4096
    stats socket ${socket} mode 600 level admin
defaults
    mode tcp
    timeout connect 20s
    timeout client 1m
    timeout server 1m
listen write
    bind ${at}
    retries 0
    timeout server-fin 100ms
    server g1 127.0.0.1:1 disabled
`;
  await writeFile(file, text);
  await spawnDetached({
    argv: ['haproxy', '-f', file],
    cwd: state.dir,
    log: `${file}.log`,
    mark: markOf(state),
  });
  const { host, port } = parseEndpoint(at);
  await eventually(() => knock(host, port), { timeoutMs: 5000 });
  return new PeerProxy(new Runtime(socket));
}

export class PeerProxy {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async lead(to: string): Promise<void> {
    const deadline = systemClock.monotonic() + SWITCH_MS;
    const done = await switchWrite(this.#runtime, parseEndpoint(to), { clock: systemClock, deadline });
    if (done.kind !== 'done') throw new Error(`the peer's HAProxy cannot be switched: ${done.kind}`);
  }
}
