import { parseGtidSet } from '../core/gtid/gtid-set.ts';
import type { Watermark } from '../core/model/group.ts';
import { trailOf, withSample, type Sample } from '../core/model/trail.ts';

/** What a primary's agent says of its server at each renewal, with a trail that tells how long ago each transaction was executed. */
export class WatermarkTrail {
  #epoch: number | undefined;
  #samples: readonly Sample[] = [];

  watermark(now: {
    readonly epoch: number;
    readonly executed: string;
    readonly at: number;
    readonly mysql: string | undefined;
  }): Watermark {
    const { epoch, executed, at, mysql } = now;
    if (epoch !== this.#epoch) this.#samples = [];
    this.#epoch = epoch;
    const set = parseGtidSet(executed);
    const trail = trailOf(this.#samples, set);
    this.#samples = withSample(this.#samples, { at, executed: set });
    return { epoch, executed, at, ...(mysql === undefined ? {} : { mysql }), trail };
  }
}
