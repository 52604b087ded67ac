import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { whyIncredible } from '../../../src/core/decide/router-word.ts';

const write = { host: '10.0.0.1', port: 3306 };
const published = { route: { write, read: [] }, version: 7 };
const closed = { route: { write: undefined, read: [] }, version: 8 };
const ack = { router: 'r', oldSessions: 0, leaseMs: 6000 };

describe('the word of a router', () => {
  for (const [what, said, route, why] of [
    ['what is published', { version: 7, write: '10.0.0.1:3306' }, published, undefined],
    ['what was published before', { version: 6, write: '10.0.0.9:3306' }, published, undefined],
    ['that it vouches for nothing', { version: -1, write: '' }, published, undefined],
    ['that it is closed', { version: 8, write: '' }, closed, undefined],
    [
      'a version that is not published yet',
      { version: 9, write: '' },
      closed,
      /version 9 of a route that is at 8/,
    ],
    [
      'any version while none is published',
      { version: 0, write: '' },
      undefined,
      /version 0 of a route that is at -1/,
    ],
    [
      'the version, with another writer',
      { version: 7, write: '10.0.0.2:3306' },
      published,
      /to 10.0.0.2:3306, which says 10.0.0.1/,
    ],
    [
      'that it is closed, and writes',
      { version: 8, write: '10.0.0.1:3306' },
      closed,
      /to 10.0.0.1:3306, which says nobody/,
    ],
    [
      'that it is open, and is not',
      { version: 7, write: '' },
      published,
      /to nobody, which says 10.0.0.1:3306/,
    ],
  ] as const) {
    it(`${why === undefined ? 'may be true' : 'is not believed'}: ${what}`, () => {
      const found = whyIncredible({ ...ack, ...said }, route);
      if (why === undefined) assert.equal(found, undefined);
      else assert.match(found ?? '', why);
    });
  }
});
