import assert from 'node:assert/strict';
import test from 'node:test';
import { parseConfig, printConfig, type ConfigFile } from '../../../src/core/haproxy/config-file.ts';
import { renderHoldAction, renderHoldScript } from '../../../src/core/haproxy/render-hold.ts';

const PLAIN = `global
    maxconn 10
listen write
    bind :1
    server g 127.0.0.1:1
`;
const HOLDING = `global
    maxconn 10
    lua-load /run/dcmha/dcmha-hold.lua
listen write
    bind :1
    tcp-request inspect-delay 60s
    tcp-request content lua.dcmha_hold
    server g 127.0.0.1:1
`;

function render(text: string, script: string | undefined): string {
  const rendered: ConfigFile = parseConfig(text).map((section) =>
    section.kind === 'global'
      ? renderHoldScript(section, script)
      : section.kind === 'listen'
        ? renderHoldAction(section, script !== undefined)
        : section,
  );
  return printConfig(rendered);
}

test('a file gets the script and the action that holds new connections, once', () => {
  const script = '/run/dcmha/dcmha-hold.lua';
  assert.equal(render(PLAIN, script), HOLDING);
  assert.equal(render(HOLDING, script), HOLDING);
});

test('a script of an earlier run directory gives way', () => {
  const moved = render(HOLDING, '/run/other/dcmha-hold.lua');
  assert.equal(moved, HOLDING.replace('/run/dcmha', '/run/other'));
});

test('a haproxy without Lua gets neither, and loses them', () => {
  assert.equal(render(PLAIN, undefined), PLAIN);
  const without = render(HOLDING, undefined);
  assert.doesNotMatch(without, /lua/);
});

test("the operator's own inspect-delay stays", () => {
  const own = PLAIN.replace('    bind :1\n', '    bind :1\n    tcp-request inspect-delay 5s\n');
  const rendered = render(own, '/x/dcmha-hold.lua');
  assert.deepEqual(rendered.match(/inspect-delay .*/g), ['inspect-delay 5s']);
});
