import { Context } from '../../src/cli/context.ts';
import type { GroupStatus } from '../../src/cli/group-status.ts';
import { lookAtGroups, type LookAtGroups } from '../../src/cli/look-at-groups.ts';
import { readHistory, type HistoryRecord } from '../../src/core/store/history.ts';
import type { Coordination } from '../../src/ports/coordination.ts';

interface Connected {
  readonly context: Context;
  readonly store: Coordination;
  readonly look: LookAtGroups;
}

/** Looks at a sandbox as `dcmha status` and `dcmha history` do, over one session: tests look often, and a process takes a second of a core. */
export class Watcher implements AsyncDisposable {
  readonly #config: string;
  #connected: Promise<Connected> | undefined;

  constructor(config: string) {
    this.#config = config;
  }

  /** Throws when its nodes cannot be read. */
  async group(name: string): Promise<GroupStatus> {
    const { look } = await this.#connect();
    const [status] = await look(name);
    if (status === undefined || 'malformed' in status)
      throw new Error(status?.malformed ?? `no group ${name}`);
    return status;
  }

  async history(group: string): Promise<readonly HistoryRecord[]> {
    const { store } = await this.#connect();
    return readHistory(store, group, 20);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connected = await this.#connected?.catch(() => undefined);
    this.#connected = undefined;
    await connected?.context[Symbol.asyncDispose]();
  }

  #connect(): Promise<Connected> {
    this.#connected ??= connect(this.#config).catch((error: unknown) => {
      this.#connected = undefined;
      throw error;
    });
    return this.#connected;
  }
}

async function connect(config: string): Promise<Connected> {
  const context = new Context({ config, json: true });
  try {
    const store = await context.coordination();
    return { context, store, look: await lookAtGroups(context, store) };
  } catch (error) {
    await context[Symbol.asyncDispose]();
    throw error;
  }
}
