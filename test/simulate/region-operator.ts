import { GtidSet, parseGtidSet } from '../../src/core/gtid/gtid-set.ts';
import { toDcmhaError } from '../../src/core/model/errors.ts';
import { readLink, writeLink } from '../../src/core/store/additions.ts';
import { readAlert } from '../../src/core/store/alerts.ts';
import type { SimGround } from './sim-ground.ts';
import { SimProcess } from './sim-process.ts';
import { REGION, type SimRegion } from './sim-region.ts';
import { ZkClient } from './zk-client.ts';

const LOOK_MS = 2000;

/** Who looks at the alert that a region is lost: what the region itself has lost, the group may keep (`addition replmeta --accept`). */
export class RegionOperator {
  readonly #ground: SimGround;
  readonly #region: SimRegion;
  readonly #process: SimProcess;
  readonly #store: ZkClient;

  constructor(ground: SimGround, region: SimRegion) {
    this.#ground = ground;
    this.#region = region;
    this.#process = new SimProcess(ground.clock, '10.0.0.71', 'operator of regions');
    this.#store = new ZkClient(this.#process, ground.zookeeper, 0);
  }

  attend(): void {
    this.#process.after(LOOK_MS, () => {
      this.#accept().catch((error: unknown) =>
        this.#ground.note(`operator: accept: ${toDcmhaError(error).message}`),
      );
      this.attend();
    });
  }

  async #accept(): Promise<void> {
    if (this.#region.lost.size === 0) return;
    const alert = await readAlert(this.#store, 'g1_region');
    if (alert?.message.includes('of the region, which the primary has') !== true) return;
    const link = await readLink(this.#store, 'g1', REGION);
    const lost = GtidSet.fromGtids([...this.#region.lost].map(({ gtid }) => gtid));
    if (link === undefined || parseGtidSet(link.accepted).contains(lost)) return;
    this.#ground.note(
      `operator: ${lost.toCompactString()} is lost in region ${REGION}, and is accepted here`,
    );
    await writeLink(this.#store, { ...link, accepted: lost.toCompactString() });
  }
}
