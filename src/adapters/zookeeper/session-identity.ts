import type { NativeClient } from './native-client.ts';

/** Which session we have at the servers, so that the next native client resumes it, and which ones we had. */
export class SessionIdentity {
  /** Of all sessions there were: their ephemeral nodes are ours to remove. */
  readonly #all = new Set<string>();
  #id: string | undefined;
  #password = '';

  get id(): string | undefined {
    return this.#id;
  }

  /** Whether an ephemeral node's owner is this session or one before it. */
  isOurs(owner: string): boolean {
    return this.#all.has(owner);
  }

  /** What a new client is to present; nothing for a session of its own. */
  get credentials(): { readonly client_id?: string; readonly client_password?: string } {
    return this.#id === undefined ? {} : { client_id: this.#id, client_password: this.#password };
  }

  /** Takes the session of a client that has connected; true when it is another one than before. */
  take({ client_id: id, client_password: password }: NativeClient): boolean {
    const isFresh = id !== this.#id;
    this.#id = id;
    this.#password = password;
    this.#all.add(id);
    return isFresh;
  }

  /** It is over; the next one is new. */
  forget(): void {
    this.#id = undefined;
  }
}
