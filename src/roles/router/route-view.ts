import { callPeer } from '../../core/peer/api.ts';
import { agentApi } from '../../core/peer/agent-api.ts';
import {
  placementPolicy,
  placeReaders,
  type Placement,
  type PlacementPolicy,
} from '../../core/decide/read-placement.ts';
import { sameEndpoint } from '../../core/model/endpoint.ts';
import { hasCode, toDcmhaError } from '../../core/model/errors.ts';
import type { Member, PrimaryRecord, Route } from '../../core/model/group.ts';
import { readMembers } from '../../core/store/inventory.ts';
import { readPolicy, type PolicyOverrides } from '../../core/store/policy.ts';
import { readPresence } from '../../core/store/presences.ts';
import { readPrimary } from '../../core/store/primary.ts';
import { readRoute, type PublishedRoute } from '../../core/store/routes.ts';
import { znodes } from '../../core/store/znodes.ts';
import type { Coordination } from '../../ports/coordination.ts';
import type { PeerCaller } from '../../ports/peers.ts';
import type { Log } from '../../ports/system.ts';
import { MemberWatches } from '../coordinator/member-watches.ts';
import { Mutex } from '../mutex.ts';

export interface RouteViewDeps {
  readonly coordination: Coordination;
  readonly caller: PeerCaller;
  readonly log: Log;
  /** The control port of agents whose metadata do not say one. */
  readonly agentPort: number;
  /** How this router spreads reads, where the group does not say. */
  readonly reads: PlacementPolicy;
}

/** What a router knows of one group, and keeps knowing while ZooKeeper is away. What it cannot read or understand, it keeps as it was. */
export class RouteView {
  readonly #deps: RouteViewDeps;
  readonly #group: string;
  /** The route alone, since clients may wait for it; and the rest. */
  readonly #route = new Refreshing(() => this.#readRoute());
  readonly #rest = new Refreshing(() => this.#readRest());
  #published: PublishedRoute | undefined;
  #members: readonly Member[] | undefined;
  #primary: PrimaryRecord | undefined;
  /** The group's own settings. */
  #own: PolicyOverrides = {};
  #watches: MemberWatches | undefined;
  readonly #lags = new Map<string, number>();
  /** What could not be read, so that each is told once. */
  readonly #trouble = new Map<string, string>();

  constructor(deps: RouteViewDeps, group: string) {
    this.#deps = deps;
    this.#group = group;
  }

  /** How the read servers are used; undefined while nothing is known of them. */
  get placement(): Placement | undefined {
    if (this.#members === undefined) return undefined;
    const placed = this.#members.map((member) => ({ member, lagMs: this.#lags.get(member.id) ?? 0 }));
    return placeReaders(placed, this.#reads);
  }

  get published(): PublishedRoute | undefined {
    return this.#published;
  }

  /** `wakeRest`: something else than the route has changed. */
  watch(wakeRoute: () => void, wakeRest: () => void, signal: AbortSignal): void {
    const { coordination } = this.#deps;
    coordination.watchData(znodes.route(this.#group), wakeRoute, signal);
    for (const path of [znodes.master, znodes.group, znodes.policy])
      coordination.watchData(path(this.#group), wakeRest, signal);
    const pathsOf = (id: string) => [znodes.host(id), ...(this.#byLag ? [znodes.presence(id)] : [])];
    this.#watches = new MemberWatches(coordination, wakeRest, signal, pathsOf);
  }

  get #reads(): PlacementPolicy {
    return placementPolicy(this.#deps.reads, this.#own);
  }

  get #byLag(): boolean {
    return this.#reads.weights === 'by-lag';
  }

  /** The route as it stands in the ensemble, not as our server of it may still have it. Throws `SESSION_LOST`. */
  refresh(): Promise<void> {
    return this.#route.run();
  }

  /** Members, primary and settings: how reads are spread, and who is asked when ZooKeeper is away. Throws `SESSION_LOST`. */
  refreshRest(): Promise<void> {
    return this.#rest.run();
  }

  async #readRoute(): Promise<void> {
    const { coordination } = this.#deps;
    const [, published] = await Promise.all([
      coordination.sync(znodes.route(this.#group)),
      this.#read('route', () => readRoute(coordination, this.#group)),
    ]);
    // One that was deleted is not a new one, either: the last one stays in force.
    this.#published = published ?? this.#published;
  }

  async #readRest(): Promise<void> {
    const { coordination, agentPort } = this.#deps;
    await coordination.sync(znodes.master(this.#group));
    const [members, primary, own] = await Promise.all([
      this.#read('members', () => readMembers(coordination, this.#group, { agentPort })),
      this.#read('primary', () => readPrimary(coordination, this.#group)),
      this.#read('policy', () => readPolicy(coordination, this.#group)),
    ]);
    this.#members = members ?? this.#members;
    this.#primary = primary ?? this.#primary;
    this.#own = own ?? this.#own;
    const ids = (this.#members ?? []).map(({ id }) => id);
    this.#watches?.follow(ids);
    if (this.#byLag) await Promise.all(ids.map((id) => this.#readLag(id)));
  }

  async #readLag(id: string): Promise<void> {
    const presence = await this.#read(`presence of ${id}`, () => readPresence(this.#deps.coordination, id));
    // What nobody tells of it any more stays as it was: the read list is the coordinator's.
    if (presence !== undefined) this.#lags.set(id, presence.replication?.lagMs ?? 0);
  }

  async #read<T>(what: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      const value = await read();
      this.#trouble.delete(what);
      return value;
    } catch (error) {
      if (!hasCode(error, 'ZNODE_MALFORMED', 'NOT_FOUND')) throw error;
      if (this.#trouble.get(what) !== error.message) {
        this.#deps.log.error('record cannot be used; the last good one stays', {
          what,
          error: error.message,
        });
      }
      this.#trouble.set(what, error.message);
      return undefined;
    }
  }

  /**
   * Asks the agents of all who could be promoted instead to accept the primary that `route` writes to (design, section 5, failsafe).
   * Resolves to why not, or undefined when all did.
   */
  async ask(
    route: Route,
    timing: { readonly leaseMs: number; readonly timeoutMs: number },
  ): Promise<string | undefined> {
    const primary = this.#primary;
    const members = this.#members;
    if (primary === undefined || members === undefined) return 'the members or the primary are not known';
    const writer = members.find(({ id }) => id === primary.id);
    if (writer === undefined || !sameEndpoint(writer.endpoint, route.write)) {
      return `the route does not write to the recorded primary ${primary.id}`;
    }
    const others = members.filter(({ id, promote }) => id !== primary.id && promote !== 'no');
    const answers = await Promise.all(others.map((member) => this.#refusalOf(member, primary, timing)));
    return answers.find((answer) => answer !== undefined);
  }

  async #refusalOf(
    member: Member,
    { id, epoch }: PrimaryRecord,
    { leaseMs, timeoutMs }: { readonly leaseMs: number; readonly timeoutMs: number },
  ): Promise<string | undefined> {
    try {
      const params = { group: this.#group, epoch, primary: id, leaseMs };
      await callPeer(this.#deps.caller, agentApi, member.agent, {
        method: 'acceptPrimary',
        params,
        timeoutMs,
      });
      return undefined;
    } catch (thrown) {
      return `${member.id}: ${toDcmhaError(thrown).message}`;
    }
  }
}

/** One after the other: an older answer must not take the place of a newer one. One that has not begun yet does for all who ask meanwhile. */
class Refreshing {
  readonly #work: () => Promise<void>;
  readonly #mutex = new Mutex();
  #next: Promise<void> | undefined;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  run(): Promise<void> {
    this.#next ??= this.#mutex.run(() => {
      this.#next = undefined;
      return this.#work();
    });
    return this.#next;
  }
}
