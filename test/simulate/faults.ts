import { Random } from '../support/random.ts';
import { drawOfRegion, type RegionFault } from './region-faults.ts';
import { shapeOf } from './world.ts';

/**
 * Something that goes wrong at `at` and is put right `ms` later, both in ms of virtual time after the group was well. With `step`, it waits
 * from `at` on for the journal of a plan to be written so many times. A member's number 0 is whoever is the primary then.
 */
export type Fault = {
  readonly at: number;
  readonly step?: number;
  /** It waits for a plan of some server's return to be written so many times; then that server's number is meant. */
  readonly ofReturn?: number;
  readonly ms: number;
} & FaultKind;

type FaultKind =
  | {
      readonly kind: 'kill' | 'freeze';
      readonly what: 'agent' | 'mysqld' | 'router' | 'coordinator';
      readonly number: number;
    }
  | { readonly kind: 'haproxy-dies'; readonly number: number }
  /** Commits hang, though the server answers. */
  | { readonly kind: 'disk-hangs'; readonly number: number }
  | {
      readonly kind: 'power-off' | 'freeze-host';
      readonly what: 'member' | 'router';
      readonly number: number;
    }
  | { readonly kind: 'cut'; readonly from: string; readonly to: string; readonly both: boolean }
  /** Cut off from every host but these. */
  | { readonly kind: 'isolate'; readonly host: string; readonly but: readonly string[] }
  | { readonly kind: 'slow'; readonly from: string; readonly to: string; readonly byMs: number }
  | { readonly kind: 'zookeeper-down'; readonly servers: readonly number[] }
  | { readonly kind: 'zookeeper-lags'; readonly server: number; readonly byMs: number }
  | {
      readonly kind: 'session-expires';
      readonly what: 'agent' | 'router' | 'coordinator';
      readonly number: number;
    }
  /** `planned`: of a healthy primary, with all that is looked at before; else it moves whatever became of it. */
  | { readonly kind: 'switchover'; readonly to: number | undefined; readonly planned?: boolean }
  | RegionFault
  | { readonly kind: 'setwhite' }
  /** An operator names the primary, with or without a reason. */
  | { readonly kind: 'task-white'; readonly to: number; readonly reroute: boolean };

/** Which kinds of faults there are in a run; each includes those before it. */
export const levels = ['none', 'kills', 'partitions', 'zookeeper'] as const;
export type Level = (typeof levels)[number];

/** Faults begin within this time, ms. */
const SPAN_MS = 15_000;

/** All hosts of a world. */
export function hostsOf(seed: number): string[] {
  const { members, routers } = shapeOf(seed);
  const numbered = (count: number, base: number): string[] =>
    Array.from({ length: count }, (_, at) => `10.0.0.${base + at + 1}`);
  return [...numbered(members, 0), ...numbered(routers, 50), ...numbered(2, 60), 'zk1', 'zk2', 'zk3'];
}

/** The faults of a seed. */
export function drawFaults(seed: number, level: Level = 'zookeeper'): Fault[] {
  if (level === 'none') return [];
  const random = new Random(seed * 13 + 5);
  const draw = new FaultDraw(seed, random);
  const groups = [draw.kill, draw.partition, draw.zookeeper].slice(0, levels.indexOf(level));
  const count = random.chance(0.2) ? random.int(8, 14) : random.int(1, 7);
  const faults: Fault[] = [];
  let at = random.int(0, SPAN_MS / 3);
  for (let n = 0; n < count; n += 1) {
    const ms = random.chance(0.4) ? random.int(50, 2500) : random.int(2500, 15_000);
    const step = random.chance(0.25) ? { step: random.int(1, 12) } : {};
    faults.push({ at, ...step, ms, ...random.pick(groups)() });
    // What goes wrong together is worse than what goes wrong one by one.
    at = Math.min(SPAN_MS, at + (random.chance(0.6) ? random.int(0, 1500) : random.int(0, SPAN_MS / 2)));
  }
  return [...faults, ...drawOfReturn(seed), ...drawOfRegion(seed, SPAN_MS)];
}

/** What goes wrong with a server while it takes transactions back: at any of its steps, or with its primary. */
function drawOfReturn(seed: number): Fault[] {
  const random = new Random(seed + 4_000_037);
  const { semiSync } = shapeOf(seed);
  if (!random.chance(semiSync === 'none' ? 0.5 : 0.2)) return [];
  return Array.from({ length: random.int(1, 2) }, () => {
    const what = random.pick(['agent', 'mysqld'] as const);
    const number = random.chance(0.8) ? RETURNING : 0;
    const place = { at: 0, ofReturn: random.int(1, 14), ms: random.int(50, 6000) };
    return random.pick<Fault>([
      { ...place, kind: random.pick(['kill', 'kill', 'freeze']), what, number },
      { ...place, kind: 'power-off', what: 'member', number },
      { ...place, kind: 'session-expires', what: 'agent', number },
    ]);
  });
}

/** Stands for the number of the server that takes transactions back. */
export const RETURNING = -1;

/** With the one who takes transactions back. */
export function ofReturning(fault: Fault, number: number): Fault {
  return 'number' in fault && fault.number === RETURNING ? { ...fault, number } : fault;
}

/** Stands for the host of whoever is the primary when the fault begins. */
export const PRIMARY = 'primary';

class FaultDraw {
  readonly #random: Random;
  /** What was thought of later is drawn apart, so that the other draws of a seed stay what they were. */
  readonly #later: Random;
  readonly #hosts: readonly string[];
  readonly #members: number;
  readonly #routers: number;

  constructor(seed: number, random: Random) {
    const { members, routers } = shapeOf(seed);
    this.#random = random;
    this.#later = new Random(seed + 1_000_003);
    this.#members = members;
    this.#routers = routers;
    this.#hosts = hostsOf(seed);
  }

  readonly kill = (): FaultKind => {
    const random = this.#random;
    const kind = random.pick(['kill', 'freeze'] as const);
    return random.pick<() => FaultKind>([
      () => ({ kind, what: 'mysqld', number: this.#member() }),
      () => ({ kind, what: 'mysqld', number: this.#member() }),
      () => ({ kind, what: 'agent', number: this.#member() }),
      () => ({ kind, what: 'router', number: this.#router() }),
      () => ({ kind, what: 'coordinator', number: random.int(1, 2) }),
      () => ({ kind: 'haproxy-dies', number: this.#router() }),
      () => ({ kind: 'disk-hangs', number: this.#member() }),
      () => ({
        kind: random.pick(['power-off', 'freeze-host'] as const),
        what: 'member',
        number: this.#member(),
      }),
      () => ({ kind: 'power-off', what: 'router', number: this.#router() }),
      () => ({
        kind: 'switchover',
        to: random.chance(0.5) ? this.#member() : undefined,
        planned: this.#later.chance(0.5),
      }),
      () => ({ kind: 'setwhite' }),
      () => ({ kind: 'task-white', to: this.#member(), reroute: random.chance(0.7) }),
    ])();
  };

  readonly partition = (): FaultKind => {
    const random = this.#random;
    const hosts = this.#hosts;
    const member = this.#member();
    const host = member === 0 ? PRIMARY : `10.0.0.${member}`;
    const others = hosts.filter((other) => other !== host);
    return random.pick<() => FaultKind>([
      () => ({ kind: 'cut', from: host, to: random.pick(others), both: random.chance(0.5) }),
      () => {
        const from = random.pick(hosts);
        return {
          kind: 'cut',
          from,
          to: random.pick(hosts.filter((one) => one !== from)),
          both: random.chance(0.5),
        };
      },
      () => ({ kind: 'isolate', host, but: [] }),
      () => ({ kind: 'isolate', host, but: hosts.filter((one) => /\.5\d$/.test(one)) }),
      () => ({ kind: 'isolate', host, but: hosts.filter((one) => one.startsWith('zk')) }),
      () => ({ kind: 'isolate', host: random.pick(hosts), but: others.filter(() => random.chance(0.5)) }),
      () => ({ kind: 'slow', from: host, to: random.pick(others), byMs: random.int(50, 1500) }),
    ])();
  };

  readonly zookeeper = (): FaultKind => {
    const random = this.#random;
    const server = random.int(1, 3);
    return random.pick<() => FaultKind>([
      () => ({ kind: 'zookeeper-down', servers: [server] }),
      () => ({ kind: 'zookeeper-down', servers: [1, 2, 3].filter((one) => one !== server) }),
      () => ({ kind: 'zookeeper-down', servers: [1, 2, 3] }),
      () => ({ kind: 'zookeeper-lags', server, byMs: random.int(100, 3000) }),
      () => ({ kind: 'session-expires', what: 'agent', number: this.#member() }),
      () => ({ kind: 'session-expires', what: 'router', number: this.#router() }),
      () => ({ kind: 'session-expires', what: 'coordinator', number: random.int(1, 2) }),
    ])();
  };

  /** The primary more often than any other. */
  #member(): number {
    return this.#random.chance(0.6) ? 0 : this.#random.int(1, this.#members);
  }

  #router(): number {
    return this.#random.int(1, this.#routers);
  }
}

/** Whether a fault is no reason to move the primary: MySQL goes on answering whoever asks. */
export function isNoReasonToSwitch(fault: Fault): boolean {
  switch (fault.kind) {
    case 'kill':
    case 'freeze':
      return fault.what !== 'mysqld';
    case 'haproxy-dies':
    case 'zookeeper-down':
    case 'zookeeper-lags':
    case 'session-expires':
    case 'setwhite':
    case 'region-dies':
    case 'region-hangs':
    case 'region-moves':
    case 'region-cut':
      return true;
    case 'power-off':
      return fault.what === 'router';
    case 'disk-hangs':
    case 'freeze-host':
    case 'cut':
    case 'isolate':
    case 'slow':
    case 'switchover':
    case 'task-white':
      return false;
  }
}

export function describeFault({ at, step, ofReturn, ms, ...what }: Fault): string {
  const words = Object.entries(what)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) =>
      key === 'kind' ? String(value) : `${key}=${Array.isArray(value) ? value.join('+') : String(value)}`,
    );
  const later =
    step === undefined ? (ofReturn === undefined ? '' : `return write ${ofReturn}`) : `journal write ${step}`;
  const when = later === '' ? `at ${at}` : `at ${at} then ${later}`;
  return `${when} for ${ms} ms: ${words.join(' ')}`;
}
