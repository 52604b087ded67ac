import { DEFAULT_TEMPLATE, fillTemplate } from '../../src/core/haproxy/template.ts';
import { startRealHaproxy } from '../support/real-haproxy.ts';
import { proxyContract } from './proxy-suite.ts';

proxyContract('haproxy', async () => {
  const real = await startRealHaproxy();
  return {
    proxy: real.proxy,
    a: real.a.endpoint,
    b: real.b.endpoint,
    connect: real.connect,
    reads: real.reads,
    breakFile: () =>
      real.edit(
        (text) =>
          `${text === '' ? fillTemplate(DEFAULT_TEMPLATE, real.options) : text}backend other\n    nonsense here\n`,
      ),
    mendFile: () => real.edit((text) => text.replace('    nonsense here\n', '')),
    killHaproxy: () => real.kill('SIGKILL'),
    next: real.next,
    [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
  };
});
