import { znodes } from '../../core/store/znodes.ts';
import type { Alarm } from '../alarm.ts';
import { SideWork } from '../side-work.ts';
import type { AgentDeps } from './deps.ts';

const remembered = 3;

/**
 * What an agent that holds no lease has asked ZooKeeper lately, so that the first renewal of one that it is given has requests before it that it proves
 * to be heard of (design, section 5): a server hears of a session by a read as by a write. Without that, a new primary's lease would be a quarter of the
 * session, and the second renewal had to succeed soon after it was due.
 */
export class StandbyProof {
  readonly #deps: Pick<AgentDeps, 'coordination' | 'clock'>;
  readonly #self: () => string;
  readonly #asking = new SideWork();
  #proof: { readonly session: string; readonly sent: readonly number[] } | undefined;

  constructor(deps: Pick<AgentDeps, 'coordination' | 'clock'>, self: () => string) {
    this.#deps = deps;
    this.#self = self;
  }

  /** When requests that succeeded in this session were sent, the newest last; monotonic, ms. */
  sentIn(session: string): readonly number[] {
    return this.#proof?.session === session ? this.#proof.sent : [];
  }

  /** Asks when it is due; returns when to look again. */
  look(everyMs: number, alarm: Alarm): number {
    return this.#asking.look(this.#deps.clock.monotonic(), () => this.#ask(everyMs), alarm);
  }

  /** Never rejects. */
  async #ask(everyMs: number): Promise<void> {
    const { clock, coordination } = this.#deps;
    const sentAt = clock.monotonic();
    this.#asking.dueAt = sentAt + everyMs;
    const session = coordination.sessionId();
    const succeeded = await coordination.read(znodes.presence(this.#self())).then(
      () => true,
      () => false,
    );
    if (!succeeded || session === undefined || coordination.sessionId() !== session) return;
    this.#proof = { session, sent: [...this.sentIn(session), sentAt].slice(-remembered) };
  }
}
