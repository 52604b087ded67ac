import { EMPTY_GTID_SET, GtidSet, parseGtidSet } from '../../core/gtid/gtid-set.ts';
import { heldBy } from '../../core/perform/catch-up-standing.ts';
import { hasEffect, surveyErrant } from '../../core/rejoin/survey-errant.ts';
import { clearBurnt, readBurnt } from '../../core/store/burnt.ts';
import type { BinlogSource } from '../../ports/binlog-source.ts';
import type { ServerStatus } from '../../ports/mysql.ts';
import type { AgentDeps } from './deps.ts';
import type { GroupView } from './view.ts';

/**
 * Names that were burnt while this server may have held the transactions which had them first (`burnt/H`): on the primary they stand for
 * nothing, here perhaps for rows, and the GTID sets are alike. What the binlog here holds under them tells.
 */
export class BurntCheck {
  readonly #deps: AgentDeps;
  readonly #view: GroupView;
  readonly #source: () => BinlogSource;

  constructor(deps: AgentDeps, parts: { readonly view: GroupView; readonly source: () => BinlogSource }) {
    this.#deps = deps;
    this.#view = parts.view;
    this.#source = parts.source;
  }

  /** For people, until it has been looked at: meanwhile this server is neither to be read from nor to be elected. */
  get question(): string | undefined {
    const gtids = this.#view.burnt?.gtids;
    return gtids === undefined ? undefined : `it may hold other transactions than the primary under ${gtids}`;
  }

  /**
   * Those that stand, or may stand, for something else here than on the primary; when there are none, nothing is in question any more.
   * Throws what reading the binlog does.
   */
  async originals(status: ServerStatus): Promise<GtidSet> {
    const { coordination, log } = this.#deps;
    const mark = await readBurnt(coordination, this.#view.self);
    if (mark === undefined) return EMPTY_GTID_SET;
    const isAnother = mark.uuid !== undefined && mark.uuid !== status.serverUuid;
    const here = heldBy(status).intersect(parseGtidSet(mark.gtids));
    const originals = isAnother ? EMPTY_GTID_SET : await this.#withContent(here);
    if (originals.isEmpty() && (await clearBurnt(coordination, this.#view.self, mark)))
      log.info('nothing is left here of transactions whose names were burnt', { gtids: mark.gtids });
    return originals;
  }

  /** What the binlog does not hold any more, or not yet, may be anything. */
  async #withContent(gtids: GtidSet): Promise<GtidSet> {
    const { rejoin } = this.#deps;
    if (gtids.isEmpty() || rejoin === undefined) return gtids;
    const { surveys } = await surveyErrant(this.#source(), gtids, rejoin.decompress);
    const harmless = surveys
      .filter((survey) => !hasEffect(survey))
      .flatMap(({ transaction: { gtid } }) => (gtid === undefined ? [] : [gtid]));
    return gtids.subtract(GtidSet.fromGtids(harmless));
  }
}
