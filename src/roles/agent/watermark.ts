import { parseGtidSet } from '../../core/gtid/gtid-set.ts';
import type { SemiSyncState, Watermark } from '../../core/model/group.ts';
import { trailOf, withSample, type Sample } from '../../core/model/trail.ts';

/** What a primary's agent sees of the server beside it. */
export interface Progress {
  readonly executed: string;
  /** Its version. */
  readonly mysql: string | undefined;
  readonly semiSync?: SemiSyncState | undefined;
}

/** What a primary's agent says of its server at each renewal, with a trail that tells how long ago each transaction was executed. */
export class WatermarkTrail {
  #epoch: number | undefined;
  #samples: readonly Sample[] = [];

  watermark(now: Progress & { readonly epoch: number; readonly at: number }): Watermark {
    const { epoch, executed, at, mysql, semiSync } = now;
    if (epoch !== this.#epoch) this.#samples = [];
    this.#epoch = epoch;
    const set = parseGtidSet(executed);
    const trail = trailOf(this.#samples, set);
    this.#samples = withSample(this.#samples, { at, executed: set });
    return {
      epoch,
      executed,
      at,
      ...(mysql === undefined ? {} : { mysql }),
      trail,
      ...(semiSync === undefined ? {} : { semiSync }),
    };
  }
}
