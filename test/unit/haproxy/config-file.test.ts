import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { addDirective, parseConfig, printConfig } from '../../../src/core/haproxy/config-file.ts';
import { quoteWord, wordsOf } from '../../../src/core/haproxy/words.ts';

const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
const fragment = fc.oneof(
  latin1,
  fc.constantFrom(
    'global\n',
    'listen write\r\n',
    '  server a 1.2.3.4:1 check\n',
    '"',
    "'",
    '\\',
    '#',
    '\n',
    '\r',
    '\t',
  ),
);
const anyFile = fc.array(fragment, { maxLength: 40 }).map((parts) => parts.join(''));

test('whatever a file holds, it is printed byte for byte as it was read', () => {
  fc.assert(
    fc.property(anyFile, (text) => printConfig(parseConfig(text)) === text),
    { numRuns: 2000 },
  );
});

test('words stand where they say they stand', () => {
  fc.assert(
    fc.property(latin1, (line) =>
      wordsOf(line).every(
        ({ start, end }, i, all) => start < end && end <= line.length && start >= (all[i - 1]?.end ?? 0),
      ),
    ),
  );
});

test('a quoted word is read back as one word', () => {
  const word = latin1.filter((text) => text !== '' && !/[\n\r]/.test(text));
  fc.assert(
    fc.property(word, (text) => {
      const words = wordsOf(`a ${quoteWord(text)} b`);
      assert.deepEqual(
        words.map(({ value }) => value),
        ['a', text, 'b'],
      );
    }),
  );
});

const LINES: readonly (readonly [string, string, readonly string[]])[] = [
  ['splits at blanks', '  server  g1\t1.2.3.4:1 check ', ['server', 'g1', '1.2.3.4:1', 'check']],
  ['ends at a comment', 'server g1 # not check', ['server', 'g1']],
  ['keeps a quoted comment sign', `log-format "a # b" '# c'`, ['log-format', 'a # b', '# c']],
  ['joins quotes in a word', `a"b c"d`, ['ab cd']],
  ['reads an escaped blank', 'a\\ b c', ['a b', 'c']],
  ['keeps a backslash in single quotes', `'a\\b'`, ['a\\b']],
  ['takes an open quote to the end', '"open to the end', ['open to the end']],
];
for (const [name, line, words] of LINES) {
  test(`a line ${name}`, () => {
    assert.deepEqual(
      wordsOf(line).map(({ value }) => value),
      words,
    );
  });
}

test('a section begins at its keyword, indented or not, and holds the comments behind it', () => {
  const file = parseConfig('# top\n\n  listen write # ours\n bind :1\n# next\nbackend b\n');
  assert.deepEqual(
    file.map(({ kind, name, lines }) => [kind, name, lines.length]),
    [
      ['', '', 2],
      ['listen', 'write', 3],
      ['backend', 'b', 1],
    ],
  );
});

test('a directive is added above the comments that lead to the next section', () => {
  const [, section] = parseConfig('global\n\tmaxconn 1\n\n# the defaults\ndefaults\n');
  assert.equal(
    printConfig([addDirective(section!, 'x y')]),
    'global\n\tmaxconn 1\n\tx y\n\n# the defaults\n',
  );
});
