import { hasCode } from '../../core/model/errors.ts';
import { declaredBy } from '../../core/haproxy/loaded.ts';
import { reconcileReaders } from '../../core/haproxy/reconcile-readers.ts';
import type { Clock, Log } from '../../ports/system.ts';
import type { Prepared } from './config-store.ts';
import { endProcess, startHaproxy } from './haproxy-process.ts';
import { readRecord, recordOf, removeRecord, writeRecord, type LoadedRecord } from './loaded-record.ts';
import { findProcess, isSameAlive, type OsProcess } from './os-process.ts';
import { Runtime } from './runtime.ts';
import { changeReader, removeRetired } from './switch-readers.ts';

export interface InstanceOptions {
  readonly program: string;
  readonly socket: string;
  readonly recordFile: string;
  readonly logFile: string;
  readonly drainMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly onExit: () => void;
}

const patienceMs = 1000;
const pollMs = 50;

/** The running haproxy process of a group: found, started, replaced, ended; and what it has loaded. */
export class HaproxyInstance {
  readonly runtime: Runtime;
  readonly #options: InstanceOptions;
  #process: OsProcess | undefined;
  #loaded: LoadedRecord | undefined;
  /** Read servers that were taken off, and when their sessions are cut (monotonic, ms). */
  readonly #retired = new Map<string, number>();

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.runtime = new Runtime(options.socket);
  }

  pid(): number | undefined {
    return this.isAlive() ? this.#process?.pid : undefined;
  }

  isAlive(): boolean {
    return this.#process !== undefined && isSameAlive(this.#process);
  }

  async answers(): Promise<boolean> {
    return this.runtime.pid().then(
      (pid) => pid !== undefined,
      () => false,
    );
  }

  /**
   * Whether one runs and answers; one that another router of this group left is adopted. One that was ours and refuses for a while is
   * killed: it holds the ports. Throws `TIMED_OUT` when a known one is silent.
   */
  async find(): Promise<boolean> {
    const { clock, log, recordFile } = this.#options;
    this.#loaded ??= await readRecord(recordFile);
    const deadline = clock.monotonic() + patienceMs;
    for (;;) {
      const found = await this.#answering();
      if (found !== undefined) return this.#adopt(found);
      if (this.#loaded === undefined || !isSameAlive(this.#loaded)) break;
      if (clock.monotonic() >= deadline) {
        log.warn('haproxy does not answer and is ended', { pid: this.#loaded.pid });
        await endProcess(this.#loaded, clock, false);
      } else await clock.pause(pollMs);
    }
    this.#forget();
    return false;
  }

  async #answering(): Promise<OsProcess | undefined> {
    const pid = await this.runtime.pid().catch((error: unknown) => {
      if (hasCode(error, 'TIMED_OUT') && this.isAlive()) throw error;
      return undefined;
    });
    return pid === undefined ? undefined : findProcess(pid);
  }

  #adopt(found: OsProcess): true {
    if (this.#process?.pid !== found.pid)
      this.#options.log.info('running haproxy adopted', { pid: found.pid });
    this.#process = found;
    if (this.#loaded !== undefined && !sameProcess(this.#loaded, found)) this.#loaded = undefined;
    return true;
  }

  async start(prepared: Prepared): Promise<void> {
    this.#process = await startHaproxy(this.#startOptions(prepared));
    this.#options.log.info('haproxy started', { pid: this.#process.pid, file: prepared.path });
    this.#retired.clear();
    await this.#remember(recordOf(this.#process, prepared.text, this.#loaded?.former ?? []));
  }

  /** A new process takes the listeners over; the old one goes on with its sessions for a while. */
  async reload(prepared: Prepared): Promise<void> {
    const { clock, drainMs } = this.#options;
    const replaces = this.#process;
    const former = this.#loaded?.former ?? [];
    this.#process = await startHaproxy({ ...this.#startOptions(prepared), replaces });
    this.#retired.clear();
    const leaving = replaces === undefined ? [] : [{ ...replaces, leaveAt: clock.now() + drainMs }];
    await this.#remember(recordOf(this.#process, prepared.text, [...former, ...leaving]));
  }

  /**
   * Makes the read side what the file declares. `edited`: the process was started with a file that differed elsewhere; `no`: the
   * runtime socket cannot do what is asked. Both are for a reload.
   */
  async follow(text: string): Promise<'yes' | 'edited' | 'no'> {
    const declared = declaredBy(text);
    if (this.#loaded === undefined) return 'no';
    const loaded = new Map(Object.entries(this.#loaded.read));
    const changes = reconcileReaders(await this.runtime.servers('read'), declared.read, loaded);
    if (changes === undefined) return 'no';
    try {
      for (const change of changes) {
        await changeReader(this.runtime, change);
        if (change.kind === 'retire') this.#retire(change.name);
        else this.#retired.delete(change.name);
        if (change.kind === 'add' || change.kind === 'weigh') loaded.set(change.name, change.options);
      }
    } catch (error) {
      if (!hasCode(error, 'PROXY_REJECTED')) throw error;
      this.#options.log.info('haproxy cannot do it without a reload', { error: error.message });
      return 'no';
    }
    if (changes.length > 0) await this.#remember({ ...this.#loaded, read: Object.fromEntries(loaded) });
    const options = Object.fromEntries(declared.write.map((one) => [one.name, one.options]));
    const same = JSON.stringify(options) === JSON.stringify(this.#loaded.write);
    return declared.rest === this.#loaded.rest && same ? 'yes' : 'edited';
  }

  /** Ends what was only allowed to finish: sessions to retired readers, replaced processes. */
  async tidy(): Promise<void> {
    const { clock } = this.#options;
    if (this.#retired.size > 0 && this.isAlive()) {
      const due = (name: string) => clock.monotonic() >= (this.#retired.get(name) ?? 0);
      const gone = await removeRetired(this.runtime, [...this.#retired.keys()], due);
      await this.#forgetReaders(gone);
    }
    const former = this.#loaded?.former ?? [];
    const over = former.filter((one) => clock.now() >= one.leaveAt || !isSameAlive(one));
    for (const one of over) await endProcess(one, clock, true);
    if (this.#loaded === undefined || over.length === 0) return;
    await this.#remember({ ...this.#loaded, former: former.filter((one) => !over.includes(one)) });
  }

  async kill(): Promise<void> {
    if (this.#process !== undefined) await endProcess(this.#process, this.#options.clock, false);
    this.#process = undefined;
  }

  async stop(): Promise<void> {
    await this.find();
    const all = [...(this.#loaded?.former ?? []), ...(this.#process === undefined ? [] : [this.#process])];
    for (const one of all) await endProcess(one, this.#options.clock, true);
    this.#forget();
    await removeRecord(this.#options.recordFile);
  }

  #startOptions(prepared: Prepared) {
    return { ...this.#options, configFile: prepared.path, text: prepared.text, runtime: this.runtime };
  }

  #retire(name: string): void {
    this.#retired.set(name, this.#options.clock.monotonic() + this.#options.drainMs);
  }

  async #forgetReaders(names: readonly string[]): Promise<void> {
    for (const name of names) this.#retired.delete(name);
    if (this.#loaded === undefined || names.length === 0) return;
    const read = Object.entries(this.#loaded.read).filter(([name]) => !names.includes(name));
    await this.#remember({ ...this.#loaded, read: Object.fromEntries(read) });
  }

  async #remember(loaded: LoadedRecord): Promise<void> {
    this.#loaded = loaded;
    await writeRecord(this.#options.recordFile, loaded);
  }

  #forget(): void {
    this.#process = undefined;
    this.#loaded = undefined;
    this.#retired.clear();
  }
}

function sameProcess(a: OsProcess, b: OsProcess): boolean {
  return a.pid === b.pid && a.startedAt === b.startedAt;
}
