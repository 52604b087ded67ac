import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { writeJsonText } from '../../../src/core/binlog/json-text.ts';
import { TextBuffer } from '../../../src/core/binlog/text.ts';
import { formatE, formatG } from '../../../src/core/binlog/values-float.ts';
import { columnKind, columnType, columnWidth } from '../../../src/core/binlog/values-kind.ts';
import { literalWriter } from '../../../src/core/binlog/values-sql.ts';
import { textWriter } from '../../../src/core/binlog/values-text.ts';
import { readCorpusJson, withoutCorpus } from '../../support/corpus.ts';

const vector = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('decimal'),
    precision: z.number(),
    scale: z.number(),
    hex: z.string(),
    expected: z.string(),
  }),
  z.object({ kind: z.literal('datetime2'), fsp: z.number(), hex: z.string(), expected: z.string() }),
  z.object({ kind: z.literal('time2'), fsp: z.number(), hex: z.string(), expected: z.string() }),
  z.object({ kind: z.literal('unsigned'), type: z.string(), hex: z.string(), expected: z.string() }),
  z.object({ kind: z.literal('json_double_text'), row_value_hex: z.string(), server_text: z.string() }),
]);
type Vector = z.infer<typeof vector>;

const intTypes: Readonly<Record<string, number>> = {
  TINY: columnType.tiny,
  SHORT: columnType.short,
  INT24: columnType.int24,
  LONG: columnType.long,
  LONGLONG: columnType.longlong,
};

function print(type: number, meta: number, hex: string): string {
  const kind = columnKind(type, meta);
  const bytes = Buffer.from(hex, 'hex');
  const out = new TextBuffer();
  textWriter(kind)(out, bytes, 0, columnWidth(kind));
  return out.toString();
}

function literal(type: number, meta: number, hex: string, unsigned = false): string {
  const bytes = Buffer.from(hex, 'hex');
  const out = new TextBuffer();
  literalWriter({ kind: columnKind(type, meta), unsigned })(out, bytes, 0, bytes.length);
  return out.toString();
}

function decode(value: Vector): { actual: string; expected: string } {
  switch (value.kind) {
    case 'decimal': {
      const meta = (value.precision << 8) | value.scale;
      return { actual: print(columnType.newdecimal, meta, value.hex), expected: value.expected };
    }
    case 'datetime2':
      return { actual: print(columnType.datetime2, value.fsp, value.hex), expected: `'${value.expected}'` };
    case 'time2':
      return { actual: print(columnType.time2, value.fsp, value.hex), expected: `'${value.expected}'` };
    case 'unsigned':
      return { actual: literal(intTypes[value.type] ?? 0, 0, value.hex, true), expected: value.expected };
    case 'json_double_text': {
      const out = new TextBuffer();
      const bytes = Buffer.from(value.row_value_hex, 'hex');
      writeJsonText(out, bytes, 4, bytes.length);
      return { actual: out.toString(), expected: value.server_text };
    }
  }
}

describe('values that other projects recorded and the server agreed to', { skip: withoutCorpus }, () => {
  const vectors = withoutCorpus ? [] : z.array(vector).parse(readCorpusJson('values/values.json'));
  for (const kind of ['decimal', 'datetime2', 'time2', 'unsigned', 'json_double_text'] as const) {
    test(`${kind} values print as the server prints them`, () => {
      const chosen = vectors.filter((entry) => entry.kind === kind);
      assert.ok(chosen.length >= 5);
      for (const entry of chosen) {
        const { actual, expected } = decode(entry);
        assert.equal(actual, expected, JSON.stringify(entry));
      }
    });
  }
});

describe('numbers as C prints them', () => {
  const cases: readonly [number, string, string][] = [
    [2 ** -30, '9.3132257461547851562e-10', '9.31323e-10'],
    [1.5, '1.5', '1.50000e+00'],
    [-9.87654321e300, '-9.8765432100000003663e+300', '-9.87654e+300'],
    [0.1, '0.10000000000000000555', '1.00000e-01'],
    [0.0001, '0.00010000000000000000479', '1.00000e-04'],
    [0.00001, '1.0000000000000000818e-05', '1.00000e-05'],
    [1e22, '1e+22', '1.00000e+22'],
    [123456789012345680000, '1.2345678901234568397e+20', '1.23457e+20'],
    [-0, '-0', '-0.00000e+00'],
    [5e-324, '4.9406564584124654418e-324', '4.94066e-324'],
  ];
  for (const [value, general, exponential] of cases) {
    test(`${value} as %.20g is ${general} and as %.5e is ${exponential}`, () => {
      assert.equal(formatG(value, 20), general);
      assert.equal(formatE(value, 5), exponential);
    });
  }

  test('an exact tie is rounded to the even digit', () => {
    assert.equal(formatG(100000.5, 6), '100000');
    assert.equal(formatG(100001.5, 6), '100002');
    assert.equal(formatG(0.5, 1), '0.5');
  });

  test('integers are written digit for digit', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        assert.equal(new TextBuffer(1).int(value).toString(), String(value));
      }),
    );
  });
});

describe('SQL literals', () => {
  const cases: readonly [string, string, number, number, string][] = [
    ['a FLOAT keeps the digits of its double', '1.100000023841858e0', columnType.float, 4, 'cdcc8c3f'],
    ['a negative zero stays negative', '-0e0', columnType.double, 8, '0000000000000080'],
    ['the year zero is not 1900', '0', columnType.year, 0, '00'],
    ['a year', '2018', columnType.year, 0, '76'],
    ['a zero timestamp is the zero date', "'0000-00-00 00:00:00'", columnType.timestamp2, 0, '00000000'],
    ['a timestamp is UTC', "'2017-05-22 05:00:58.5'", columnType.timestamp2, 1, '5922708a32'],
    ['a signed BIGINT', '-1', columnType.longlong, 0, 'ffffffffffffffff'],
    ['bits have the width of the column', "b'000000101'", columnType.bit, (1 << 8) | 1, '0005'],
    ['an ENUM without names is its number', '3', columnType.enum, (247 << 8) | 1, '03'],
    ['a SET without names is its number', '5', columnType.set, (248 << 8) | 1, '05'],
    ['geometry is its bytes', "X'0000000001'", columnType.geometry, 4, '0000000001'],
    ['a DATE has dashes', "'2017-05-19'", columnType.date, 0, 'b3c20f'],
  ];
  for (const [name, expected, type, meta, hex] of cases) {
    test(name, () => assert.equal(literal(type, meta, hex), expected));
  }

  const texts: readonly [string, string | undefined, Buffer, string][] = [
    ['Unicode is readable', 'utf8mb4', Buffer.from("naïve 'x'\n\\"), "'naïve ''x''\\n\\\\'"],
    ['broken UTF-8 is hexadecimal', 'utf8mb4', Buffer.from([0x61, 0xff]), "_utf8mb4 X'61FF'"],
    ['ASCII in latin1 is readable', 'latin1', Buffer.from('abc'), "'abc'"],
    ['the rest of latin1 is not guessed at', 'latin1', Buffer.from([0xe4]), "_latin1 X'E4'"],
    ['UTF-16 is hexadecimal', 'utf16', Buffer.from([0, 0x61]), "_utf16 X'0061'"],
    ['binary is hexadecimal', 'binary', Buffer.from('abc'), "X'616263'"],
    ['an unknown character set is readable where it is ASCII', undefined, Buffer.from('abc'), "'abc'"],
    ['and bytes where it is not', undefined, Buffer.from('ä'), "X'C3A4'"],
    ['control characters never reach a terminal', 'utf8mb4', Buffer.from([0x1b]), "_utf8mb4 X'1B'"],
  ];
  for (const [name, charset, bytes, expected] of texts) {
    test(name, () => {
      const out = new TextBuffer();
      const kind = columnKind(columnType.varchar, 100);
      literalWriter({ kind, ...(charset !== undefined && { charset }) })(out, bytes, 0, bytes.length);
      assert.equal(out.toString(), expected);
    });
  }

  test('members of ENUM and SET are written by name where names are known', () => {
    const members = ['red', 'green', 'blue'].map((name) => Buffer.from(name));
    const one = new TextBuffer();
    literalWriter({ kind: columnKind(columnType.enum, 1), charset: 'utf8mb4', members })(
      one,
      Buffer.from([2]),
      0,
      1,
    );
    literalWriter({ kind: columnKind(columnType.set, 1), charset: 'utf8mb4', members })(
      one,
      Buffer.from([5]),
      0,
      1,
    );
    assert.equal(one.toString(), "'green''red,blue'");
  });
});
