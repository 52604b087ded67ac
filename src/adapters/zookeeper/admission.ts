/**
 * When a client's connection is of use: once the server has taken the session, and the credentials that were sent with it. Before it has
 * answered to these, a server that refuses them looks like one that serves.
 */
export class Admission {
  readonly #admit: () => void;
  /** The client never tells of these again, once it has told. */
  #credentialsAnswered: boolean;
  #hasSession = false;

  constructor(needs: { readonly credentials: boolean }, admit: () => void) {
    this.#credentialsAnswered = !needs.credentials;
    this.#admit = admit;
  }

  /** At each connect. */
  session(): void {
    this.#hasSession = true;
    if (this.#credentialsAnswered) this.#admit();
  }

  /** Not taken: they were refused, which ends the client; or the connection ended before, and the next connect has to do. */
  credentials(taken: boolean): void {
    this.#credentialsAnswered = true;
    if (taken && this.#hasSession) this.#admit();
  }
}
