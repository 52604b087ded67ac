import { closesWithinMs, leaseCheckFor } from '../../src/core/haproxy/lease-check.ts';
import { leaseTerms } from '../../src/core/lease.ts';
import { runRouter } from '../../src/roles/router/router.ts';
import { Daemon } from './sim-daemon.ts';
import type { SimGround } from './sim-ground.ts';
import { SimHaproxy, SimProxy } from './sim-haproxy.ts';
import { usualReads } from '../support/usual-policies.ts';

const leasePort = 7073;

/** A router host: HAProxy, and the router that keeps it. */
export class SimRouter {
  readonly host: string;
  readonly haproxy: SimHaproxy;
  readonly daemon: Daemon;
  readonly #ground: SimGround;

  constructor(ground: SimGround, number: number) {
    this.#ground = ground;
    this.host = `10.0.0.${50 + number}`;
    const terms = leaseTerms(ground.zookeeper.sessionTimeoutMs);
    const check = leaseCheckFor(leasePort, terms);
    this.haproxy = new SimHaproxy(ground.clock, { host: this.host, check, changed: ground.changed });
    this.daemon = new Daemon(ground, { host: this.host, name: `router ${number}` }, (daemon) => {
      const { process, coordination, log, stop } = daemon;
      const { peers, tamper } = ground;
      return runRouter(
        {
          coordination: tamper.routerCoordination?.(coordination) ?? coordination,
          proxyOf: () => new SimProxy(this.haproxy, process),
          leasePort: this.haproxy.leasePortOf(process),
          listener: peers.listenerOf(process),
          caller: peers.callerOf(process),
          clock: process,
          log,
        },
        {
          control: { host: this.host, port: 7072 },
          groups: ['g1'],
          leasePort,
          closesWithinMs: closesWithinMs(check),
          defaultAgentPort: 7071,
          reads: usualReads,
        },
        stop,
      );
    });
  }

  powerOff(): void {
    this.#ground.network.setOff(this.host, true);
    this.daemon.kill();
    this.haproxy.die();
  }

  powerOn(): void {
    this.#ground.network.setOff(this.host, false);
    this.daemon.start();
  }
}
