import { toDcmhaError } from '../../core/model/errors.ts';
import {
  EMPTY_MEMORY,
  fencedEpochOf,
  formatMemory,
  parseMemory,
  rememberFence,
  type AgentMemory,
} from '../../core/model/agent-memory.ts';
import type { AcceptRequest } from '../../core/decide/writer.ts';
import type { Clock, Log, StateFile } from '../../ports/system.ts';
import { Mutex } from '../mutex.ts';

/**
 * What this agent must not forget, kept on the disk: each change is there before it counts. A promise not to be promoted is kept too, but
 * without its end: whoever starts again with one keeps it for one whole lease from then, so no clock is trusted over a restart.
 */
export class AgentRecall {
  /** The file could not be read as a memory: which epoch was fenced is not known. */
  damaged = false;
  readonly #file: StateFile;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #mutex = new Mutex();
  #memory: AgentMemory = EMPTY_MEMORY;
  #heldUntil = -Infinity;

  constructor({ stateFile, clock, log }: { stateFile: StateFile; clock: Clock; log: Log }) {
    this.#file = stateFile;
    this.#clock = clock;
    this.#log = log;
  }

  /** `holdMs`: one lease and the fence after it. */
  async load(holdMs: number): Promise<void> {
    try {
      const text = await this.#file.read();
      this.#memory = text === undefined ? EMPTY_MEMORY : parseMemory(text);
    } catch (thrown) {
      this.damaged = true;
      this.#log.error('state file cannot be read; only a newer epoch will be opened', {
        error: toDcmhaError(thrown).message,
      });
    }
    if (this.damaged || this.#memory.accepted !== undefined) {
      this.#heldUntil = this.#clock.monotonic() + holdMs;
    }
  }

  get opened(): AgentMemory['opened'] {
    return this.#memory.opened;
  }

  fencedEpoch(group: string): number {
    return fencedEpochOf(this.#memory, group);
  }

  /** What is left of the promise not to be promoted, ms. */
  heldMs(): number {
    return Math.max(0, this.#heldUntil - this.#clock.monotonic());
  }

  /** In force at once, on the disk when it resolves. */
  async fenced(group: string, epoch: number): Promise<void> {
    if (epoch <= this.fencedEpoch(group)) return this.#saved();
    await this.#change((memory) => rememberFence(memory, group, epoch));
  }

  async accept({ group, epoch, primary }: AcceptRequest, forMs: number): Promise<void> {
    this.#heldUntil = Math.max(this.#heldUntil, this.#clock.monotonic() + forMs);
    const known = this.#memory.accepted;
    if (known?.group === group && known.epoch === epoch && known.primary === primary) return this.#saved();
    await this.#change((memory) => ({ ...memory, accepted: { group, epoch, primary } }));
  }

  /** Before writes are opened. */
  async opening(opened: NonNullable<AgentMemory['opened']>): Promise<void> {
    if (JSON.stringify(opened) === JSON.stringify(this.#memory.opened)) return this.#saved();
    await this.#change((memory) => ({ ...memory, opened }));
  }

  get mysqld(): AgentMemory['mysqld'] {
    return this.#memory.mysqld;
  }

  /** So that an agent that was restarted can say of a dead mysqld that its process is gone. */
  async seen(mysqld: NonNullable<AgentMemory['mysqld']>): Promise<void> {
    const known = this.#memory.mysqld;
    if (known?.pid === mysqld.pid && known.pidFile === mysqld.pidFile) return;
    await this.#change((memory) => ({ ...memory, mysqld }));
  }

  get binlog(): AgentMemory['binlog'] {
    return this.#memory.binlog;
  }

  /** So that the binlog of a dead server is found. */
  async binlogAt(binlog: NonNullable<AgentMemory['binlog']>): Promise<void> {
    const known = this.#memory.binlog;
    if (known?.indexFile === binlog.indexFile && known.dataDirectory === binlog.dataDirectory) return;
    await this.#change((memory) => ({ ...memory, binlog }));
  }

  /** To be called now and then: a promise that has run out is not to be kept again after a restart. */
  async tidy(): Promise<void> {
    if (this.#memory.accepted === undefined || this.heldMs() > 0) return;
    await this.#change((memory) => ({ ...memory, accepted: undefined }));
  }

  async #change(change: (memory: AgentMemory) => AgentMemory): Promise<void> {
    this.#memory = change(this.#memory);
    await this.#mutex.run(() => this.#file.write(formatMemory(this.#memory)));
  }

  /** Waits for a write that is on its way. */
  async #saved(): Promise<void> {
    await this.#mutex.run(() => Promise.resolve());
  }
}
