import { Admission } from './admission.ts';
import { AfterCallbacks } from './after-callbacks.ts';
import { listenTo, type ClientListener } from './listen.ts';
import { CLIENT_SETTINGS, NOT_CONNECTED_STATE, newNativeClient, type NativeClient } from './native-client.ts';
import type { SessionOptions } from './options.ts';
import { ZOK } from './result-codes.ts';
import type { SessionIdentity } from './session-identity.ts';

interface LiveClientEvents extends Omit<ClientListener, 'session'> {
  /** At each connect, once the server serves us. */
  connected(client: NativeClient): void;
}

/** What the server answered; `rc` says why not. */
export type Reply<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly rc: number };

/** Starts a native call; returns its immediate code, which is negative when nothing was sent. */
export type Send<T> = (client: NativeClient, done: (rc: number, value: T) => void) => unknown;

/** The native client of the moment. What it tells and answers comes after its callbacks, and what it tells only while it is that one. */
export class LiveClient {
  readonly #options: SessionOptions;
  readonly #events: LiveClientEvents;
  readonly #after = new AfterCallbacks();
  #client: NativeClient | undefined;

  constructor(options: SessionOptions, events: LiveClientEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** The package's number for it; undefined when there is none. */
  get state(): number | undefined {
    return this.#client?.state;
  }

  /** Makes a new one, which connects to `address` and resumes the session, in place of one that is not connected. */
  open(address: string, identity: SessionIdentity): void {
    // Not connected: closing it does not end the session, which the next client resumes.
    this.release()?.close();
    const client = newNativeClient();
    const { auth, sessionTimeoutMs } = this.#options;
    const admission = new Admission({ credentials: auth !== undefined }, () =>
      this.#events.connected(client),
    );
    this.#adopt(client, admission);
    client.init({ connect: address, timeout: sessionTimeoutMs, ...CLIENT_SETTINGS, ...identity.credentials });
    if (auth === undefined) return;
    // Sent in front of everything else, at each connect. Servers take any password: a wrong one shows itself as ZNODE_DENIED.
    client.add_auth('digest', `${auth.user}:${auth.password}`, (rc) =>
      this.#after.run(() => this.#client === client && admission.credentials(rc === ZOK)),
    );
  }

  /** It is of no use any more; the caller closes it, unless it has closed itself. */
  release(): NativeClient | undefined {
    const client = this.#client;
    this.#client = undefined;
    return client;
  }

  /** Sends a call, and tells the answer, or at once that nothing was sent; false when there is no client. */
  send<T>(send: Send<T>, answered: (reply: Reply<T>) => void): boolean {
    const client = this.#client;
    if (client === undefined) return false;
    const code = send(client, (rc, value) =>
      this.#after.run(() => answered(rc === ZOK ? { ok: true, value } : { ok: false, rc })),
    );
    if (typeof code === 'number' && code < ZOK) answered({ ok: false, rc: code });
    return true;
  }

  /**
   * To be asked after each call, whether it was dropped. A call that cannot be sent makes the C client close its socket, while the package
   * still has it in the event loop, which aborts the process at its next turn. Closing the client now, before that turn, takes it out.
   */
  dropUnsent(): boolean {
    if (this.#client?.state !== NOT_CONNECTED_STATE) return false;
    this.release()?.close();
    return true;
  }

  /** Events of a client that was replaced meanwhile are not ours any more. */
  #adopt(client: NativeClient, admission: Admission): void {
    this.#client = client;
    const run = (work: () => void): void =>
      this.#after.run(() => {
        if (this.#client === client) work();
      });
    listenTo(client, run, { ...this.#events, session: () => admission.session() });
  }
}
