import type { EventClock } from './event-clock.ts';
import type { Network } from './network.ts';
import { Pipe } from './pipe.ts';
import type { Reply, ZkLeader, ZkServer } from './zk-server.ts';
import type { WriteRequest } from './zk-tree.ts';

export type Request =
  | WriteRequest
  | { readonly op: 'read'; readonly path: string }
  | { readonly op: 'children'; readonly path: string }
  | { readonly op: 'sync'; readonly path: string }
  | { readonly op: 'watch'; readonly kind: WatchKind; readonly path: string };

export type WatchKind = 'data' | 'children';

/** What a connection tells its client, in the order in which it happened at the server. */
export interface ConnectionEvents {
  /** `session` undefined: the one that was to be resumed is over. */
  opened(session: string | undefined): void;
  answered(number: number, reply: Reply): void;
  fired(kind: WatchKind, path: string): void;
  ponged(): void;
  closed(): void;
}

interface Slot {
  readonly number: number;
  readonly request: Request;
  /** Of a write or a sync: the outcome, and the commit that must be here before it is told. */
  done: { readonly zxid: number; readonly reply: Reply } | undefined;
}

/** One client's connection to one server of the ensemble: requests are answered in the order in which they came. */
export class ZkConnection {
  readonly server: ZkServer;
  session: string | undefined;
  readonly #up: Pipe;
  readonly #down: Pipe;
  readonly #leader: ZkLeader;
  readonly #events: ConnectionEvents;
  readonly #slots: Slot[] = [];
  readonly #watches = new Set<string>();
  #isOpen = true;

  constructor(
    wires: { readonly clock: EventClock; readonly network: Network; readonly from: string },
    parts: { readonly server: ZkServer; readonly leader: ZkLeader; readonly events: ConnectionEvents },
  ) {
    const { clock, network, from } = wires;
    const { server, leader, events } = parts;
    this.server = server;
    this.#leader = leader;
    this.#events = events;
    this.#up = new Pipe(clock, network, { from, to: server.host });
    this.#down = new Pipe(clock, network, { from: server.host, to: from });
  }

  // --- the client's end ---

  send(number: number, request: Request): void {
    this.#up.send(() => this.#arrived(number, request));
  }

  ping(): void {
    this.#up.send(() => {
      this.#hear();
      if (this.#isOpen) this.#down.send(() => this.#events.ponged());
    });
  }

  /** Runs `work` at the server, when the first message of the connection arrives there. */
  open(work: () => void): void {
    this.#up.send(work);
  }

  /** The client gives it up. What it sent may still arrive, and be done. */
  closeByClient(): void {
    this.#isOpen = false;
    this.#down.break();
    this.server.connections.delete(this);
  }

  // --- the server's end ---

  opened(session: string | undefined): void {
    if (!this.#isOpen) return;
    this.session = session;
    this.server.connections.add(this);
    this.#down.send(() => this.#events.opened(session));
  }

  closeByServer(): void {
    this.server.connections.delete(this);
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#up.break();
    this.#down.send(() => this.#events.closed());
  }

  changed(kind: WatchKind, path: string): void {
    if (this.#watches.has(`${kind} ${path}`)) this.#down.send(() => this.#events.fired(kind, path));
  }

  /** Answers what can be answered now. */
  pump(): void {
    for (let slot = this.#slots[0]; slot !== undefined; slot = this.#slots[0]) {
      const reply = this.#replyTo(slot);
      if (reply === undefined) return;
      this.#slots.shift();
      const { number } = slot;
      if (this.#isOpen) this.#down.send(() => this.#events.answered(number, reply));
    }
  }

  #arrived(number: number, request: Request): void {
    const { server } = this;
    if (!server.isUp || !server.isServing || this.session === undefined) return;
    this.#hear();
    const slot: Slot = { number, request, done: undefined };
    this.#slots.push(slot);
    if (request.op === 'sync') {
      this.#leader.forward(server, () => this.#settle(slot, { ok: true, value: undefined }));
    } else if (request.op === 'create' || request.op === 'write' || request.op === 'remove') {
      this.#leader.forward(server, () => {
        const { zxid, reply } = this.#leader.execute(this, request);
        slot.done = { zxid, reply };
        this.pump();
      });
    } else this.pump();
  }

  #settle(slot: Slot, reply: Reply): void {
    slot.done = { zxid: this.#leader.zxid, reply };
    this.pump();
  }

  #replyTo({ request, done }: Slot): Reply | undefined {
    const { tree, applied } = this.server;
    switch (request.op) {
      case 'read':
        return { ok: true, value: tree.get(request.path) };
      case 'children':
        return { ok: true, value: tree.children(request.path) };
      case 'watch':
        this.#watches.add(`${request.kind} ${request.path}`);
        return { ok: true, value: undefined };
      case 'create':
      case 'write':
      case 'remove':
      case 'sync':
        return done !== undefined && applied >= done.zxid ? done.reply : undefined;
    }
  }

  #hear(): void {
    if (this.session !== undefined && this.server.isServing) this.server.heard.add(this.session);
  }
}
