import { formatGtid } from '../../src/core/gtid/gtid.ts';
import type { FakeServer } from '../support/fake-mysql-server.ts';
import { FakeMysqlWorld } from '../support/fake-mysql.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { mysqlContract, type ContractServer } from './mysql-suite.ts';

mysqlContract('a fake', () => {
  const clock = new VirtualClock();
  const world = new FakeMysqlWorld(clock);
  const server = (id: number): ContractServer =>
    control(world, world.add({ endpoint: { host: `127.0.0.${id}`, port: 3306 }, serverId: id }));
  const mysql = world.from('observer');
  return Promise.resolve({
    mysql,
    a: server(1),
    b: server(2),
    stranger: world.from('observer', { refusedWith: 1045 }),
    watch: (watched, onLost, signal) => {
      mysql.watchConnection(watched.at, onLost, signal);
      return Promise.resolve();
    },
    run: (call) => clock.runThrough(call),
    close: () => Promise.resolve(),
  });
});

function control(world: FakeMysqlWorld, server: FakeServer): ContractServer {
  const does = (effect: () => void) => (): Promise<void> => {
    effect();
    return Promise.resolve();
  };
  return {
    at: server.endpoint,
    stop: does(() => world.stop(server)),
    start: does(() => world.start(server)),
    hang: does(() => (server.state = { kind: 'hung' })),
    resume: does(() => (server.state = { kind: 'up' })),
    openClient: does(() => (server.sessions += 1)),
    write: async () => {
      const gtid = await Promise.resolve().then(() => server.commit());
      world.settle();
      return formatGtid(gtid);
    },
  };
}
