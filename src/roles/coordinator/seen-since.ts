import type { GroupSnapshot, SeenFor } from '../../core/model/snapshot.ts';
import type { Clock } from '../../ports/system.ts';

/**
 * For how long this process has seen what others say of themselves with a time of their own clocks. Those may differ from ours by any
 * amount, and each may step; how long a grace period has lasted is told by one clock that does not.
 */
export class SeenSince {
  readonly #clock: Clock;
  readonly #first = new Map<string, { readonly what: string; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  look({ members, primary, lastFailoverAt }: GroupSnapshot): SeenFor {
    const presence = members.find(({ member }) => member.id === primary?.id)?.presence;
    return {
      verdictMs: this.#forMs('verdict', `${primary?.id} ${presence?.verdict} ${presence?.since}`),
      failoverMs: this.#forMs('failover', String(lastFailoverAt)),
    };
  }

  #forMs(name: string, what: string): number {
    const now = this.#clock.monotonic();
    const before = this.#first.get(name);
    if (before?.what === what) return now - before.at;
    this.#first.set(name, { what, at: now });
    return 0;
  }
}
