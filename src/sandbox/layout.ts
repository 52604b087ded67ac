import path from 'node:path';
import { DcmhaError } from '../core/model/errors.ts';

export interface SandboxOptions {
  readonly dir: string;
  readonly groups: number;
  /** Per group. */
  readonly hosts: number;
  readonly zookeepers: number;
  readonly coordinators: number;
  readonly routers: number;
  /** ZooKeeper and MySQL only. */
  readonly bare: boolean;
  /** Each host in a network namespace of its own, so that they can be cut off from each other; needs root. */
  readonly isolated: boolean;
  /** Further options of every mysqld. */
  readonly mysqlOptions?: Readonly<Record<string, string | number>> | undefined;
  /** Settings that win over the sandbox's in every configuration file, by section. */
  readonly settings?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
  /** `router.dc` of each router, in their order. */
  readonly routerDcs?: readonly string[] | undefined;
}

export const defaultOptions = {
  groups: 1,
  hosts: 3,
  zookeepers: 1,
  coordinators: 2,
  routers: 1,
  bare: false,
  isolated: false,
} as const;

export const ports = {
  zookeeper: 2181,
  mysql: 3306,
  agent: 7071,
  router: 7072,
  write: 3598,
} as const;

// The last numbers of the addresses, in a block of the sandbox's own.
const numbers = { zookeeper: 1, mysql: 11, router: 51, coordinator: 61 } as const;

export interface GroupPlan {
  readonly name: string;
  readonly hosts: readonly string[];
}

/** Who lives where. */
export interface Layout {
  readonly dir: string;
  readonly prefix: string;
  readonly isolated: boolean;
  readonly zookeepers: readonly string[];
  readonly groups: readonly GroupPlan[];
  readonly coordinators: readonly string[];
  readonly routers: readonly string[];
  /** Of each router; those beyond it know none. */
  readonly routerDcs: readonly string[];
}

const limits: readonly (readonly [keyof typeof defaultOptions, number, number])[] = [
  ['groups', 1, 40],
  ['hosts', 1, 40],
  ['zookeepers', 1, 7],
  ['coordinators', 0, 9],
  ['routers', 0, 9],
];

/** Throws `USAGE` when there are not enough addresses for it. */
export function checkOptions(options: SandboxOptions): void {
  for (const [name, least, most] of limits) {
    const value = Number(options[name]);
    if (Number.isInteger(value) && value >= least && value <= most) continue;
    throw new DcmhaError(
      'USAGE',
      `--${name} ${String(options[name])} is not a number from ${least} to ${most}`,
    );
  }
  if (options.groups * options.hosts > 40) {
    throw new DcmhaError(
      'USAGE',
      `${options.groups} groups of ${options.hosts} hosts are more than a sandbox's 40 hosts`,
    );
  }
}

export function planLayout(options: SandboxOptions, prefix: string): Layout {
  const range = (first: number, count: number) =>
    Array.from({ length: count }, (_, index) => `${prefix}.${first + index}`);
  return {
    dir: options.dir,
    prefix,
    isolated: options.isolated,
    zookeepers: range(numbers.zookeeper, options.zookeepers),
    groups: Array.from({ length: options.groups }, (_, index) => ({
      name: `g${index + 1}`,
      hosts: range(numbers.mysql + index * options.hosts, options.hosts),
    })),
    coordinators: range(numbers.coordinator, options.bare ? 0 : options.coordinators),
    routers: range(numbers.router, options.bare ? 0 : options.routers),
    routerDcs: options.routerDcs ?? [],
  };
}

export const directories = {
  host: (dir: string, host: string) => path.join(dir, 'hosts', host),
  zookeeper: (dir: string, index: number) => path.join(dir, 'zookeeper', String(index + 1)),
  coordinator: (dir: string, index: number) => path.join(dir, 'coordinators', String(index + 1)),
  router: (dir: string, host: string) => path.join(dir, 'routers', host),
  secrets: (dir: string) => path.join(dir, 'secrets'),
} as const;

export const secretFile = (dir: string, name: string) =>
  path.join(directories.secrets(dir), `${name}.password`);

/** Every address that something lives at. */
export const addressesOf = (layout: Layout): readonly string[] => [
  ...layout.zookeepers,
  ...layout.groups.flatMap(({ hosts }) => hosts),
  ...layout.coordinators,
  ...layout.routers,
];

/** Where the router at `host` listens for the n-th group, counted from 0. */
export const listeners = (host: string, n: number) => ({
  write: `${host}:${ports.write + 2 * n}`,
  read: `${host}:${ports.write + 2 * n + 1}`,
});

/** HAProxy asks it on 127.0.0.1 whether its router vouches for its routes, so it is told apart by port. */
export function leasePort(prefix: string, index: number): number {
  return 20_000 + Number(prefix.split('.')[2]) * 16 + index;
}

export const mysqlEndpoint = (host: string) => `${host}:${ports.mysql}`;
