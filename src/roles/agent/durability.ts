import { defaultChannel } from '../../core/decide/replication.ts';
import { sameDurability, type Acknowledgement, type Durability } from '../../core/decide/semi-sync.ts';
import { parseGtidSet, type GtidSet } from '../../core/gtid/gtid-set.ts';
import type { Member } from '../../core/model/group.ts';
import { readDurability, writeDurability } from '../../core/store/durability.ts';
import type { SemiSync } from '../../ports/semi-sync.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps } from './deps.ts';
import type { EpochOf } from './refusal.ts';
import type { GroupView } from './view.ts';

const sqlMs = 2000;

/** The primary's record of where acknowledged transactions are: each of its terms holds of every one of them. */
export class DurabilityClaims {
  readonly #deps: AgentDeps;
  readonly #view: GroupView;
  readonly #local: LocalServer;

  constructor(deps: AgentDeps, parts: { readonly view: GroupView; readonly local: LocalServer }) {
    this.#deps = deps;
    this.#view = parts.view;
    this.#local = parts.local;
  }

  /** Before another term takes effect, it stands beside those in force; where none is, it begins with {@link replace}. */
  join(epoch: EpochOf, term: Durability): Promise<void> {
    return this.#claim(epoch, (terms) => (terms.length === 0 ? [] : joined(terms, term)));
  }

  /** It alone holds from now on. */
  replace(epoch: EpochOf, term: Durability): Promise<void> {
    return this.#claim(epoch, () => [term]);
  }

  /** Nothing is vouched for any more. */
  withdraw(epoch: EpochOf): Promise<void> {
    return this.#claim(epoch, () => []);
  }

  /** Whether enough of those whose word counts hold all that was committed before, and nobody else's word counts. */
  async isSettled(plugins: SemiSync, ack: Acknowledgement): Promise<boolean> {
    const { executed } = await this.#deps.mysql.status(this.#local.endpoint, { timeoutMs: sqlMs });
    const mark = parseGtidSet(executed);
    const others = (this.#view.members ?? []).filter(({ id }) => id !== this.#view.self);
    const answers = await Promise.all(
      others.map((member) =>
        ack.ackers.includes(member.id) ? this.#holds(member, mark) : this.#isStrange(member, plugins),
      ),
    );
    return !answers.includes('strange') && answers.filter((answer) => answer === 'holds').length >= ack.acks;
  }

  async #holds({ endpoint }: Member, mark: GtidSet): Promise<'holds' | 'lacks'> {
    try {
      const status = await this.#deps.mysql.status(endpoint, { timeoutMs: sqlMs });
      const received = parseGtidSet(defaultChannel(status)?.retrieved ?? '');
      return parseGtidSet(status.executed).union(received).contains(mark) ? 'holds' : 'lacks';
    } catch {
      return 'lacks'; // one that does not answer is not attached: its word does not count
    }
  }

  /** One that is not to acknowledge, and would. */
  async #isStrange({ endpoint }: Member, plugins: SemiSync): Promise<'strange' | 'lacks'> {
    try {
      const { replica } = await plugins.status(endpoint, { timeoutMs: sqlMs });
      return replica?.enabled === true ? 'strange' : 'lacks';
    } catch {
      return 'lacks'; // it is not attached, either
    }
  }

  /** Writes what is claimed now, if that differs. */
  async #claim(
    { group, epoch }: EpochOf,
    change: (terms: readonly Durability[]) => readonly Durability[],
  ): Promise<void> {
    const { coordination, log } = this.#deps;
    const record = await readDurability(coordination, group);
    const before = record?.terms ?? [];
    const terms = change(before);
    const isSame = terms.length === before.length && terms.every((term, at) => sameAs(term, before[at]));
    if (isSame && (record === undefined || record.epoch === epoch)) return;
    await writeDurability(coordination, group, { epoch, terms }, record?.version);
    if (!isSame)
      log.info('where acknowledged transactions are is recorded', { group, terms: terms.map(textOf) });
  }
}

function joined(terms: readonly Durability[], one: Durability): readonly Durability[] {
  return terms.some((term) => sameDurability(term, one)) ? terms : [...terms, one];
}

function sameAs(a: Durability, b: Durability | undefined): boolean {
  return b !== undefined && sameDurability(a, b);
}

function textOf({ holders, copies }: Durability): string {
  return `${copies} of ${holders.join(' ')}`;
}
