import { runInForeground } from '../../src/sandbox/foreground.ts';
import { defaultOptions } from '../../src/sandbox/layout.ts';

// Started by a test as a process of its own: a small sandbox in the foreground, until a signal.
const [dir = ''] = process.argv.slice(2);
await runInForeground({ ...defaultOptions, bare: true, hosts: 1, dir }, () => {
  process.stdout.write('up\n');
  return Promise.resolve();
});
