import { createServer, type Server, type Socket } from 'node:net';
import type { Runtime } from './runtime.ts';

const longestQueue = 4096;

/**
 * New connections of the write side wait while a port of ours is open and does not answer (see `HOLD_SCRIPT`). They go on within milliseconds of the
 * answer, and also when this process ends: a hold never outlives who holds.
 */
export class WriteHold {
  #gate: Server | undefined;
  /** The process that was told that they wait; undefined without a gate. */
  #toldPid: number | undefined;
  readonly #waiting = new Set<Socket>();

  /** Whether they wait from now on; false: this haproxy cannot (built without Lua, or not reloaded since), or there is no port to be had. */
  async begin(runtime: Runtime, pid: number | undefined): Promise<boolean> {
    if (pid !== undefined && pid === this.#toldPid) return true;
    // Without a port nobody is held; that is no reason to have no route.
    this.#gate ??= await openGate(this.#waiting).catch(() => undefined);
    if (this.#gate === undefined) return false;
    const address = this.#gate.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const held = (await runtime.ask(`dcmha hold ${port}`)).trim() === 'held';
    if (held) this.#toldPid = pid;
    else this.drop();
    return held;
  }

  async end(runtime: Runtime): Promise<void> {
    if (this.#gate === undefined) return;
    // First those that come, then those that wait.
    await runtime.ask('dcmha release').finally(() => this.drop());
  }

  async isOn(runtime: Runtime): Promise<boolean> {
    return this.#gate !== undefined && (await runtime.ask('dcmha held')).trim() === 'held';
  }

  /** Lets those go on that wait; for those that come nobody answers any more. */
  drop(): void {
    this.#gate?.close();
    this.#gate = undefined;
    this.#toldPid = undefined;
    for (const socket of this.#waiting) socket.end('go\n');
    this.#waiting.clear();
  }
}

async function openGate(waiting: Set<Socket>): Promise<Server> {
  const gate = createServer((socket) => {
    // One that came in while the gate was closed is not in the list that was answered.
    if (!gate.listening) {
      socket.end('go\n');
      return;
    }
    waiting.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => waiting.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    gate.once('error', reject);
    gate.listen({ host: '127.0.0.1', port: 0, backlog: longestQueue }, resolve);
  });
  // One connection that could not be accepted must not end the router.
  gate.on('error', () => undefined);
  return gate;
}
