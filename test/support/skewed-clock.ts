import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startProcess } from '../../src/sandbox/processes.ts';
import type { ProcessKind } from '../../src/sandbox/state.ts';
import { eventually } from './eventually.ts';
import type { FaultWorld } from './fault-world.ts';

/** It looks into its file once a second. */
const HEEDED_MS = 1500;

/** The wall clock of all processes of one kind, and of what they start; their monotonic one stays, as when a clock is set. */
export class SkewedClock implements AsyncDisposable {
  readonly #world: FaultWorld;
  readonly #kind: ProcessKind;
  readonly #file: string;

  private constructor(world: FaultWorld, kind: ProcessKind) {
    this.#world = world;
    this.#kind = kind;
    this.#file = path.join(world.sandbox.dir, `${kind}.clock`);
  }

  /** Restarts them under a clock that can be set; it is right at first. */
  static async of(world: FaultWorld, kind: ProcessKind): Promise<SkewedClock> {
    const library = findLibrary();
    const clock = new SkewedClock(world, kind);
    await clock.set(0);
    await clock.#restart([
      'env',
      `LD_PRELOAD=${library}`,
      `FAKETIME_TIMESTAMP_FILE=${clock.#file}`,
      'FAKETIME_CACHE_DURATION=1',
      'FAKETIME_DONT_FAKE_MONOTONIC=1',
      'DONT_FAKE_MONOTONIC=1',
    ]);
    return clock;
  }

  /** So many seconds ahead of the real one; in force when it resolves. */
  async set(aheadS: number): Promise<void> {
    await writeFile(this.#file, `${aheadS < 0 ? '' : '+'}${aheadS}\n`);
    const from = performance.now();
    await eventually(() => performance.now() - from > HEEDED_MS, { timeoutMs: 2 * HEEDED_MS, everyMs: 100 });
  }

  async #restart(prefix: readonly string[]): Promise<void> {
    const { sandbox, state } = this.#world;
    for (const spec of state.processes.filter(({ kind }) => kind === this.#kind)) {
      await sandbox.kill(this.#kind, spec.id, 'TERM');
      await startProcess(state, { ...spec, argv: [...prefix, ...spec.argv] });
    }
    await this.#world.healthy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#restart([]);
  }
}

/** Of libfaketime, in the folder of this machine's architecture. */
function findLibrary(): string {
  const found = readdirSync('/usr/lib')
    .map((folder) => `/usr/lib/${folder}/faketime/libfaketimeMT.so.1`)
    .find((file) => existsSync(file));
  if (found === undefined) throw new Error('libfaketime is missing: run make setup');
  return found;
}
