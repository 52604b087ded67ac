import {
  endProcess,
  isGone,
  isHalted,
  type Program,
  type ProcessId,
  sendSignal,
  spawnDetached,
  stateOf,
} from './process.ts';

/** A server that a test or bench owns. It dies with this process; disposing it stops it and leaves its directory alone. */
export interface ProcessHandle extends AsyncDisposable {
  pid(): number | undefined;
  /** Sends a signal, SIGKILL unless told; resolves when the process is gone, or halted by STOP; at once for CONT. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again and waits until it serves; nothing when it runs. */
  start(): Promise<void>;
  /** An orderly shutdown. */
  stop(): Promise<void>;
}

export interface Launch {
  program(): Program;
  /** Resolves once it serves, throws when it does not. */
  ready(process: ProcessId): Promise<void>;
}

/** Starts it; one that does not become ready is not left behind. */
export async function launchProcess(launch: Launch): Promise<ProcessHandle> {
  let running: ProcessId | undefined;
  const start = async () => {
    if (stateOf(running) !== 'stopped') return;
    running = await spawnDetached({ ...launch.program(), diesWithParent: true });
    await launch.ready(running);
  };
  try {
    await start();
  } catch (error) {
    await endProcess(running, 0);
    throw error;
  }
  return {
    pid: () => (stateOf(running) === 'stopped' ? undefined : running?.pid),
    kill: async (signal = 'SIGKILL') => {
      sendSignal(running, signal);
      if (signal === 'SIGSTOP') await isHalted(running, 5000);
      else if (signal !== 'SIGCONT') await isGone(running, 30_000);
    },
    start,
    stop: () => endProcess(running),
    [Symbol.asyncDispose]: () => endProcess(running, 5000),
  };
}
