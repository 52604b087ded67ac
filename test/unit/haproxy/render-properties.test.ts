import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseConfig, printConfig } from '../../../src/core/haproxy/config-file.ts';
import { renderConfig } from '../../../src/core/haproxy/render-config.ts';
import { parseServerLine } from '../../../src/core/haproxy/server-line.ts';

const eol = fc.constantFrom('\n', '\r\n');
const text = fc.string({ maxLength: 30 }).map((line) => line.replaceAll(/[\n\r]/g, ' '));
const comment = text.map((words) => `  # ${words}`);
/** A section of somebody else, with anything in it. */
const foreign = fc
  .tuple(
    fc.constantFrom('backend b', 'frontend f', 'userlist u', 'defaults', '  peers p # x', 'listen other'),
    fc.array(
      fc.oneof(
        text.map((words) => `\toption-of-theirs ${words}`),
        comment,
        fc.constant(''),
      ),
    ),
  )
  .map(([header, lines]) => [header, ...lines]);
const option = fc.constantFrom('check', 'weight 5', 'maxconn "7"', "on-error 'fastinter'", 'inter 2s', '# c');
const server = (name: string) =>
  fc
    .tuple(fc.integer({ min: 1, max: 254 }), fc.array(option, { maxLength: 3 }))
    .map(([n, options]) => `   server ${name}  10.0.0.${n}:3306 ${options.join('  ')}`);
const listener = (name: string, ...servers: readonly fc.Arbitrary<string>[]) =>
  fc
    .tuple(
      fc.array(fc.oneof(comment, fc.constantFrom('\tbind :1', '', '  mode tcp')), { maxLength: 4 }),
      fc.tuple(...servers),
      fc.array(comment, { maxLength: 2 }),
    )
    .map(([before, own, after]) => [`listen ${name}`, ...before, ...own, ...after]);
const file = fc
  .tuple(
    fc.array(comment, { maxLength: 2 }),
    fc.array(foreign, { maxLength: 3 }),
    listener('write', server('g1')),
    foreign,
    listener('read', server('g11'), server('g14'), server('theirs')),
    fc.array(foreign, { maxLength: 2 }),
    eol,
  )
  .map(([head, a, write, b, read, c, end]) =>
    [...head, ...a.flat(), ...write, ...b, ...read, ...c.flat()].map((line) => line + end).join(''),
  );
const endpoint = fc.integer({ min: 1, max: 20 }).map((n) => ({ host: `10.0.0.${n}`, port: 3306 }));
const route = fc.record({
  write: fc.option(endpoint, { nil: undefined }),
  read: fc.array(endpoint, { maxLength: 4 }),
});

const OPTIONS = {
  group: 'g1',
  file: 'g1.cfg',
  socket: '/run/g1.sock',
  lease: { port: 1, intervalMs: 5, doubtIntervalMs: 9, fall: 3 },
  holdScript: '/run/dcmha/dcmha-hold.lua',
};

const sectionsOf = (config: string) => parseConfig(config).filter(({ kind }) => kind !== 'global');
const isOurs = (line: string) => /^g1\d*$/.test(parseServerLine(line)?.name ?? '');

test('sections of others stay byte for byte, and in ours all that is not ours', () => {
  fc.assert(
    fc.property(file, route, (before, to) => {
      const after = sectionsOf(renderConfig(before, { ...OPTIONS, route: to }));
      const old = sectionsOf(before);
      assert.equal(after.length, old.length);
      for (const [i, section] of old.entries()) {
        const now = after[i]!;
        if (section.kind !== 'listen' || section.name === 'other') {
          assert.equal(printConfig([now]), printConfig([section]));
          continue;
        }
        const lines = now.lines.map((line) => line.text);
        const kept = section.lines.map((line) => line.text).filter((line) => !isOurs(line));
        for (const line of kept) {
          const at = lines.indexOf(line);
          assert.notEqual(at, -1, `lost: ${line}`);
          lines.splice(0, at + 1);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('rendering twice is rendering once, and any route after any other gives its servers', () => {
  fc.assert(
    fc.property(file, route, route, (before, first, second) => {
      const once = renderConfig(renderConfig(before, { ...OPTIONS, route: first }), {
        ...OPTIONS,
        route: second,
      });
      assert.equal(renderConfig(once, { ...OPTIONS, route: second }), once);
      const servers = parseConfig(once)
        .filter(({ name }) => name === 'read')
        .flatMap(({ lines }) => lines.flatMap((line) => parseServerLine(line.text) ?? []))
        .filter(({ name, disabled }) => name !== 'theirs' && !disabled);
      const fallback = second.write === undefined ? [] : [second.write];
      const wanted = (second.read.length > 0 ? second.read : fallback).map(
        ({ host, port }) => `${host}:${port}`,
      );
      assert.deepEqual(servers.map(({ address }) => address).sort(), [...new Set(wanted)].sort());
      assert.equal(new Set(servers.map(({ name }) => name)).size, servers.length);
    }),
    { numRuns: 300 },
  );
});
