import { FakeHaproxy, FakeProxy } from '../support/fake-proxy.ts';
import { proxyContract } from './proxy-suite.ts';

proxyContract('a fake', () => {
  const haproxy = new FakeHaproxy();
  const proxy = new FakeProxy(haproxy);
  const done = () => Promise.resolve();
  return Promise.resolve({
    proxy,
    a: { host: '10.0.0.1', port: 3306 },
    b: { host: '10.0.0.2', port: 3306 },
    connect: () => haproxy.connectWaiting(),
    reads: () => Promise.resolve(proxy.reads().toSorted()),
    breakFile: () => {
      haproxy.broken = 'nonsense in the file';
      return done();
    },
    mendFile: () => {
      haproxy.broken = undefined;
      return done();
    },
    killHaproxy: () => {
      haproxy.die();
      return done();
    },
    next: () => new FakeProxy(haproxy),
    [Symbol.asyncDispose]: done,
  });
});
