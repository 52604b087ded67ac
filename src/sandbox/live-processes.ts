import path from 'node:path';
import { parseEndpoint } from '../core/model/endpoint.ts';
import { commandLine, findMarked, type ProcessId } from './process.ts';
import { markMatcher } from './processes.ts';
import { type ProcessSpec, runningProcess, type SandboxState } from './state.ts';

export interface LiveProcess extends Pick<ProcessSpec, 'kind' | 'id' | 'host' | 'port' | 'log' | 'datadir'> {
  /** undefined when it is stopped. */
  readonly process: ProcessId | undefined;
}

/** Every process of the sandbox as it is now; HAProxies, which routers start and leave running, are found by their mark. */
export async function liveProcesses(state: SandboxState): Promise<readonly LiveProcess[]> {
  const specs = await Promise.all(
    state.processes.map(async (spec) => ({ ...spec, process: await runningProcess(spec) })),
  );
  return [...specs, ...haproxies(state)];
}

function haproxies(state: SandboxState): readonly LiveProcess[] {
  return findMarked(markMatcher(state, state.dir))
    .map((process) => ({ process, argv: commandLine(process) }))
    .filter(({ argv }) => path.basename(argv[0] ?? '') === 'haproxy')
    .map(({ process, argv }) => describeHaproxy(state, process, argv));
}

// Its configuration is G.cfg in its router's directory.
function describeHaproxy(state: SandboxState, process: ProcessId, argv: readonly string[]): LiveProcess {
  const file = argv[argv.indexOf('-f') + 1] ?? '';
  const name = path.basename(file, '.cfg');
  const routers = state.processes.filter((spec) => spec.kind === 'router');
  const router = routers.find((spec) => file.startsWith(`${spec.dir}/`));
  const group = state.groups.find((candidate) => candidate.name === name);
  const listener = group?.listeners.find(({ write }) => parseEndpoint(write).host === router?.host);
  return {
    kind: 'haproxy',
    id: `haproxy-${router?.id ?? 'unknown'}-${name}`,
    host: router?.host ?? '',
    port: listener === undefined ? 0 : parseEndpoint(listener.write).port,
    log: router?.log ?? '',
    datadir: undefined,
    process,
  };
}
