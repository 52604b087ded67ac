import { DcmhaError } from '../core/model/errors.ts';
import { insideArgv, runTool } from './isolation.ts';
import type { SandboxState } from './state.ts';

export type Direction = 'both' | 'in' | 'out';

export interface Cut {
  /** Where packets are dropped. */
  readonly host: string;
  /** The other end; absent: everybody, this machine included. */
  readonly from?: string | undefined;
  /** As seen from `host`. */
  readonly direction: Direction;
  /** Of 100 packets so many are dropped. */
  readonly lossPercent: number;
}

const TABLE = 'inet dcmha_cut';

const ends = {
  in: { hook: 'input', device: 'iifname', address: 'saddr' },
  out: { hook: 'output', device: 'oifname', address: 'daddr' },
} as const;

/** Silently drops packets at a host, on top of what is dropped there already. Throws `USAGE`, `NOT_FOUND`. */
export async function cutNetwork(state: SandboxState, cut: Cut): Promise<void> {
  checkHosts(state, cut);
  const sides = cut.direction === 'both' ? (['in', 'out'] as const) : [cut.direction];
  await nft(cut.host, [`add table ${TABLE}`, ...sides.flatMap((side) => dropCommands(side, cut))]);
}

function dropCommands(side: keyof typeof ends, { from, lossPercent }: Cut): readonly string[] {
  const { hook, device, address } = ends[side];
  const matches = [
    `${device} != "lo"`,
    ...(from === undefined ? [] : [`ip ${address} ${from}`]),
    ...(lossPercent === 100 ? [] : [`numgen random mod 100 < ${lossPercent}`]),
  ];
  return [
    `add chain ${TABLE} ${side} { type filter hook ${hook} priority 0; }`,
    `add rule ${TABLE} ${side} ${matches.join(' ')} drop`,
  ];
}

/** Undoes every cut made at `host`, or at all. */
export async function healNetwork(state: SandboxState, host?: string): Promise<void> {
  const hosts = host === undefined ? hostsOf(state) : [host];
  checkHosts(state, { host: hosts[0] ?? '' });
  for (const one of hosts) await nft(one, [`add table ${TABLE}`, `delete table ${TABLE}`]);
}

function nft(host: string, commands: readonly string[]): Promise<void> {
  const [tool = '', ...args] = insideArgv(host, ['nft', '-f', '-']);
  return runTool(tool, args, commands);
}

const hostsOf = (state: SandboxState): readonly string[] => [
  ...new Set(state.processes.map(({ host }) => host)),
];

function checkHosts(state: SandboxState, { host, from }: { host: string; from?: string | undefined }): void {
  if (!state.isolated) {
    throw new DcmhaError(
      'USAGE',
      'the hosts of this sandbox share one network: start it with --isolated to cut it',
    );
  }
  const known = hostsOf(state);
  const unknown = [host, ...(from === undefined ? [] : [from])].find((one) => !known.includes(one));
  if (unknown !== undefined) {
    throw new DcmhaError(
      'NOT_FOUND',
      `no host ${unknown} in this sandbox; its hosts are ${known.join(', ')}`,
    );
  }
}
