import { hostsOf, PRIMARY, type Fault } from './faults.ts';
import { hostsOfCut } from './region-faults.ts';
import type { Daemon } from './sim-daemon.ts';
import type { SimMember } from './sim-member.ts';
import { regionHosts } from './sim-region.ts';
import type { SimRouter } from './sim-router.ts';
import type { World } from './world.ts';

type Heal = () => void;

/** Makes a fault happen now; what is returned puts it right again. */
export function inject(world: World, seed: number, asDrawn: Fault): Heal {
  const fault = atPrimary(asDrawn, world);
  const { network, zookeeper } = world.ground;
  switch (fault.kind) {
    case 'kill':
      return kill(world, fault);
    case 'freeze':
      return freeze(world, fault);
    case 'haproxy-dies':
      return haproxyDies(routerOf(world, fault.number));
    case 'disk-hangs':
      return diskHangs(world.member(fault.number));
    case 'power-off':
      return powerOff(fault.what === 'member' ? world.member(fault.number) : routerOf(world, fault.number));
    case 'freeze-host':
      return freezeHost(world, world.member(fault.number));
    case 'cut':
      return cutAll(
        world,
        fault.both
          ? [
              [fault.from, fault.to],
              [fault.to, fault.from],
            ]
          : [[fault.from, fault.to]],
      );
    case 'isolate': {
      const all = [...hostsOf(seed), ...regionHosts(world.shape.regionServers)];
      const away = all.filter((host) => host !== fault.host && !fault.but.includes(host));
      return cutAll(
        world,
        away.flatMap(
          (host) =>
            [
              [fault.host, host],
              [host, fault.host],
            ] as const,
        ),
      );
    }
    case 'slow':
      network.slowDown(fault.from, fault.to, fault.byMs);
      return () => network.slowDown(fault.from, fault.to, 0);
    case 'zookeeper-down': {
      const servers = zookeeper.servers.filter((_, at) => fault.servers.includes(at + 1));
      for (const server of servers) zookeeper.setUp(server, false);
      return () => {
        for (const server of servers) zookeeper.setUp(server, true);
      };
    }
    case 'zookeeper-lags':
      return lag(world, fault.server, fault.byMs);
    case 'session-expires': {
      const session = daemonOf(world, fault).coordination.sessionId();
      if (session !== undefined) zookeeper.expire(session);
      return () => undefined;
    }
    case 'switchover':
      world.operator.switchover(
        fault.to === undefined ? undefined : world.member(fault.to).id,
        fault.planned === true,
      );
      return () => undefined;
    case 'task-white':
      world.operator.recordByHand(world.member(fault.to).id, fault.reroute);
      return () => world.operator.reroute();
    case 'region-dies':
    case 'region-hangs':
      return stopOfRegion(world, fault);
    case 'region-moves':
      world.region?.move();
      return () => undefined;
    case 'region-cut':
      return cutRegion(world, seed, fault);
    case 'setwhite':
      world.operator.pause();
      return () => world.operator.unpause();
  }
}

/** With the one who is the primary now. */
function atPrimary(fault: Fault, world: World): Fault {
  const { server, host } = world.primary() ?? world.member(1);
  const named = (one: string): string => (one === PRIMARY ? host : one);
  if ('number' in fault && fault.number === 0) return { ...fault, number: server.number };
  if ((fault.kind === 'switchover' || fault.kind === 'task-white') && fault.to === 0)
    return { ...fault, to: server.number };
  if (fault.kind === 'isolate') return { ...fault, host: named(fault.host) };
  if (fault.kind === 'cut' || fault.kind === 'slow')
    return { ...fault, from: named(fault.from), to: named(fault.to) };
  return fault;
}

type OfProcess = Extract<Fault, { kind: 'kill' | 'freeze' }>;

function kill(world: World, fault: OfProcess): Heal {
  if (fault.what === 'mysqld') {
    const member = world.member(fault.number);
    member.server.crash();
    return member.startServer;
  }
  const daemon = daemonOf(world, { what: fault.what, number: fault.number });
  daemon.kill();
  return () => {
    if (!world.ground.network.isOff(daemon.host)) daemon.start();
  };
}

function freeze(world: World, fault: OfProcess): Heal {
  if (fault.what === 'mysqld') {
    const { server } = world.member(fault.number);
    if (server.isUp) server.hang();
    return () => server.goOn(world.ground.clock.now);
  }
  const { process } = daemonOf(world, { what: fault.what, number: fault.number });
  process.stop();
  return () => process.resume();
}

function freezeHost(world: World, { server, agent }: SimMember): Heal {
  const { process } = agent;
  if (server.isUp) server.hang();
  process.stop();
  return () => {
    server.goOn(world.ground.clock.now);
    process.resume();
  };
}

function haproxyDies({ haproxy, daemon }: SimRouter): Heal {
  haproxy.die();
  return () => {
    // What the router's adapter does by itself, a moment after.
    if (haproxy.pid === undefined && !daemon.process.isDead)
      haproxy.start({ ...haproxy.inForce, write: undefined });
  };
}

function diskHangs({ server }: SimMember): Heal {
  server.isStalled = server.isUp;
  return () => server.unstall();
}

function powerOff(host: SimMember | SimRouter): Heal {
  host.powerOff();
  return () => host.powerOn();
}

function cutAll({ ground }: World, links: readonly (readonly [string, string])[]): Heal {
  for (const [from, to] of links) ground.network.cut(from, to);
  return () => {
    for (const [from, to] of links) ground.network.heal(from, to);
  };
}

function stopOfRegion(
  { region, ground }: World,
  { kind, server: number }: Extract<Fault, { kind: 'region-dies' | 'region-hangs' }>,
): Heal {
  const server = region?.server(number);
  if (server === undefined) return () => undefined;
  if (kind === 'region-dies') server.crash();
  else if (server.isUp) server.hang();
  return () => {
    server.goOn(ground.clock.now);
    server.boot(ground.clock.now);
  };
}

function cutRegion(world: World, seed: number, fault: Extract<Fault, { kind: 'region-cut' }>): Heal {
  const { host } = world.primary() ?? world.member(1);
  const servers = world.region?.servers ?? [];
  const ofRegion = servers.filter((_, at) => fault.server === 0 || fault.server === at + 1);
  const others = hostsOfCut(fault, { hosts: hostsOf(seed), primary: host });
  return cutAll(
    world,
    ofRegion.flatMap((server) =>
      others.flatMap((other) => [[server.host, other] as const, [other, server.host] as const]),
    ),
  );
}

function lag({ ground }: World, number: number, byMs: number): Heal {
  const server = ground.zookeeper.servers[number - 1];
  if (server !== undefined) server.lagMs = byMs;
  return () => {
    if (server !== undefined) server.lagMs = 0;
  };
}

function routerOf(world: World, number: number): SimRouter {
  const router = world.routers[number - 1];
  if (router === undefined) throw new Error(`there is no router ${number}`);
  return router;
}

function daemonOf(
  world: World,
  { what, number }: { readonly what: 'agent' | 'router' | 'coordinator'; readonly number: number },
): Daemon {
  if (what === 'agent') return world.member(number).agent;
  if (what === 'router') return routerOf(world, number).daemon;
  const daemon = world.coordinators[number - 1];
  if (daemon === undefined) throw new Error(`there is no coordinator ${number}`);
  return daemon;
}
