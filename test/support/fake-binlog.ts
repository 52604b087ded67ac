import type { Endpoint } from '../../src/core/model/endpoint.ts';
import type { BinlogListener, BinlogOffer } from '../../src/ports/binlog-service.ts';
import type { BinlogDeps } from '../../src/roles/agent/deps.ts';
import type { FakeServer } from './fake-mysql-server.ts';
import type { FakeMysqlWorld } from './fake-mysql.ts';
import { makeBinlog } from './made-binlog.ts';
import { memoryFiles } from './memory-binlog.ts';

/**
 * The binlog of a fake server: real bytes of all that it has executed, and a service that appears to receivers as one more server of
 * the world, on its host.
 */
export function fakeBinlog(world: FakeMysqlWorld, server: FakeServer): BinlogDeps {
  return {
    open: () => memoryFiles({ 'binlog.000001': makeBinlog(server.serverId, server.executed) }, 65_536),
    serverUuid: () => Promise.resolve(server.uuid),
    service: {
      listen: (at, offer) => Promise.resolve(new FakeListener(world, { at, server, offer })),
    },
  };
}

interface Serving {
  readonly at: Endpoint;
  readonly server: FakeServer;
  readonly offer: () => BinlogOffer | undefined;
}

class FakeListener implements BinlogListener {
  readonly port: number;
  readonly #world: FakeMysqlWorld;
  readonly #service: FakeServer;

  constructor(world: FakeMysqlWorld, { at, server, offer }: Serving) {
    this.port = at.port;
    this.#world = world;
    const tail = offer()?.tail;
    const executed = tail?.have.union(tail.missing).toCompactString();
    this.#service = world.add({ endpoint: at, serverId: server.serverId, uuid: server.uuid, executed });
  }

  hangUp(): void {
    this.#world.stop(this.#service);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    return Promise.resolve();
  }
}
