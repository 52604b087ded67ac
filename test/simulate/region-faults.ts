import { Random } from '../support/random.ts';
import type { Fault } from './faults.ts';
import { regionHosts } from './sim-region.ts';
import { shapeOf } from './world.ts';

/** What goes wrong with another region; a server's number 0 is whoever is written to there. */
export type RegionFault =
  | { readonly kind: 'region-dies' | 'region-hangs'; readonly server: number }
  /** Its own planned change of who is written to. */
  | { readonly kind: 'region-moves' }
  /** One of its servers, 0 for all of them, cut off from these of the group, both ways. */
  | { readonly kind: 'region-cut'; readonly server: number; readonly from: 'primary' | 'replicas' | 'all' };

/** What goes wrong with the region of a world that has one, and what is worse because of it. */
export function drawOfRegion(seed: number, spanMs: number): Fault[] {
  const { regionServers } = shapeOf(seed);
  if (regionServers === 0) return [];
  const random = new Random(seed + 7_000_003);
  return Array.from({ length: random.int(1, 4) }, () => {
    const ms = random.chance(0.3) ? random.int(50, 2500) : random.int(2500, 15_000);
    const step = random.chance(0.15) ? { step: random.int(1, 12) } : {};
    return { at: random.int(0, spanMs), ...step, ms, ...drawOne(random, regionServers) };
  });
}

type Kind = RegionFault | Extract<Fault, { kind: 'isolate' | 'cut' | 'slow' }>;

function drawOne(random: Random, servers: number): KindOf<Kind> {
  const hosts = regionHosts(servers);
  const one = random.pick(hosts);
  const other = hosts.find((host) => host !== one) ?? '10.0.0.1';
  const server = random.int(0, servers);
  return random.pick<() => KindOf<Kind>>([
    () => ({ kind: 'region-dies', server }),
    () => ({ kind: 'region-dies', server: 0 }),
    () => ({ kind: 'region-hangs', server }),
    () => ({ kind: 'region-moves' }),
    () => ({
      kind: 'region-cut',
      server: random.chance(0.6) ? 0 : server,
      from: random.pick(['primary', 'all']),
    }),
    () => ({ kind: 'region-cut', server: 0, from: 'replicas' }),
    () => ({ kind: 'isolate', host: one, but: [] }),
    () => ({ kind: 'cut', from: one, to: other, both: random.chance(0.7) }),
    // A group's network is broken, and the line to the region is not.
    () => ({ kind: 'isolate', host: 'primary', but: random.pick([hosts, [...hosts, 'zk1', 'zk2', 'zk3']]) }),
    () => ({ kind: 'slow', from: one, to: 'primary', byMs: random.int(50, 1500) }),
  ])();
}

/** Without when it is. */
type KindOf<F> = F extends unknown ? Omit<F, 'at' | 'ms' | 'step' | 'ofReturn'> : never;

/** Which of the group's hosts a cut is from. */
export function hostsOfCut(
  { from }: Extract<RegionFault, { kind: 'region-cut' }>,
  { hosts, primary }: { readonly hosts: readonly string[]; readonly primary: string },
): readonly string[] {
  switch (from) {
    case 'primary':
      return [primary];
    case 'replicas':
      return hosts.filter((host) => /^10\.0\.0\.\d$/.test(host) && host !== primary);
    case 'all':
      return hosts;
  }
}
