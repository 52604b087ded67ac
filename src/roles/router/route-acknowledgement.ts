import { DcmhaError } from '../../core/model/errors.ts';
import type { RouteAck } from '../../core/model/group.ts';
import { encodeRouteAck, presentRouteAck } from '../../core/store/routes.ts';
import { znodes } from '../../core/store/znodes.ts';
import type { Coordination, Presence } from '../../ports/coordination.ts';

/** What a router says of one group's route, in a node of its own session; writing it again renews the router's lease. */
export class RouteAcknowledgement {
  readonly #coordination: Coordination;
  readonly #group: string;
  readonly #failed: (error: unknown) => void;
  #presence: Presence | undefined;
  #said: RouteAck;

  /** `first`: what is said before there is anything to say. `failed` is told of what could not be written. */
  constructor(
    coordination: Coordination,
    {
      group,
      first,
      failed,
    }: { readonly group: string; readonly first: RouteAck; readonly failed: (error: unknown) => void },
  ) {
    this.#coordination = coordination;
    this.#group = group;
    this.#failed = failed;
    this.#said = first;
  }

  get said(): RouteAck {
    return this.#said;
  }

  /** Written once it stands, and each time that it changes. */
  say(ack: RouteAck): void {
    if (encodeRouteAck(ack) === encodeRouteAck(this.#said)) return;
    this.#said = ack;
    this.#presence?.update(encodeRouteAck(ack)).catch(this.#failed);
  }

  /** Resolves when it stands in `session`. Throws `ZNODE_MISSING` when it does not yet. */
  async establish(session: string): Promise<void> {
    if (this.#presence === undefined) await this.#present(session);
    // Resolves when it stands.
    await this.#presence?.update(encodeRouteAck(this.#said));
    const node = await this.#coordination.read(this.#path());
    if (node?.owner !== session) {
      throw new DcmhaError('ZNODE_MISSING', `${this.#path()} does not stand in this session yet`);
    }
  }

  /** Writes it again: throws unless it stands. */
  async renew(): Promise<void> {
    await this.#coordination.write(this.#path(), encodeRouteAck(this.#said));
  }

  async withdraw(): Promise<void> {
    await this.#presence?.withdraw();
  }

  // Nobody else has our control port, so a node of another session is one that the router before us left: it ends with its session
  // otherwise, seconds after HAProxy has closed for want of a lease.
  async #present(session: string): Promise<void> {
    const old = await this.#coordination.read(this.#path());
    if (old !== undefined && old.owner !== session) await this.#coordination.remove(this.#path());
    this.#presence = presentRouteAck(this.#coordination, this.#group, this.#said);
  }

  #path(): string {
    return znodes.routeAck(this.#group, this.#said.router);
  }
}
