import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../../src/core/model/errors.ts';
import { parsePythonLiteral, type PythonValue } from '../../../src/core/store/python-literal.ts';

const read: readonly [string, PythonValue][] = [
  ["{'group': 'g1', 'port': 3306}", { group: 'g1', port: 3306 }],
  [
    "{'read': ['10.0.0.1:3306', '10.0.0.2:3306'], 'write': '10.0.0.1:3306'}",
    { read: ['10.0.0.1:3306', '10.0.0.2:3306'], write: '10.0.0.1:3306' },
  ],
  ["{u'host': u'a', 'ssl': True, 'x': None}", { host: 'a', ssl: true, x: null }],
  ["b'raw'", 'raw'],
  ["('a', 1)", ['a', 1]],
  ["('a',)", ['a']],
  ["('a')", 'a'],
  ['()', []],
  ['[1, 2.5, -3, 1e3, 7L,]', [1, 2.5, -3, 1000, 7]],
  [String.raw`'it\'s \x41\u4e2d\n\101\U0001F600'`, "it's A中\nA😀"],
  ['"it\'s"', "it's"],
  [' { } ', {}],
  ["{1: 'a'}", { 1: 'a' }],
  ['False', false],
];

for (const [text, value] of read) {
  test(`reads ${text}`, () => assert.deepEqual(parsePythonLiteral(text), value));
}

const refused = [
  "__import__('os')",
  "__import__('os').system('true')",
  "{'a': ",
  "{'a': 1",
  "{'a' 1}",
  '[1, 2',
  "'open",
  "'a' 'b'",
  '1 + 1',
  '[x for x in y]',
  'lambda: 0',
  "f'{1}'",
  '',
  '99999999999999999999',
  String.raw`'\q'`,
  "{(1,): 'a'}",
  '['.repeat(10_000),
  String.raw`'\Uffffffff'`,
  '1.2.3',
  '--1',
  '{1, 2}',
];

for (const text of refused) {
  test(`refuses ${text.slice(0, 40)}`, () => {
    assert.throws(
      () => parsePythonLiteral(text),
      (error) => hasCode(error, 'ZNODE_MALFORMED'),
    );
  });
}

test('a dictionary cannot reach into the prototype', () => {
  const value = parsePythonLiteral("{'__proto__': {'polluted': 1}}");
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

test('any text gives a value or a ZNODE_MALFORMED', () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '(',
    ')',
    ',',
    ':',
    "'",
    '"',
    '\\',
    'u',
    'True',
    '1',
    '.',
    'e',
    ' ',
    'é',
    '\n',
    'x4',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
      try {
        parsePythonLiteral(parts.join(''));
      } catch (error) {
        assert.ok(hasCode(error, 'ZNODE_MALFORMED'), String(error));
      }
    }),
    { numRuns: 5000 },
  );
});

test('reads back what Python would print of nested values', () => {
  const value = fc.letrec<{ value: PythonValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'binary-ascii' }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).value;
  fc.assert(fc.property(value, (one) => assert.deepEqual(parsePythonLiteral(repr(one)), one)));
});

function repr(value: PythonValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return reprString(value);
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`;
  return `{${Object.entries(value)
    .map(([key, one]) => `${reprString(key)}: ${repr(one)}`)
    .join(', ')}}`;
}

function reprString(text: string): string {
  const escape = (char: string): string => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return `'${text.replace(/[\\']/g, '\\$&').replace(/\p{Cc}/gu, escape)}'`;
}
