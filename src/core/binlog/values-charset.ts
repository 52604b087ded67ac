/**
 * Character sets by collation number, as ranges (information_schema.COLLATIONS of MySQL 9.7; numbers never change meaning). What is not
 * listed is a collation made by a site or a newer server.
 */
const collationsOf: Readonly<Record<string, string>> = {
  armscii8: '32 64',
  ascii: '11 65',
  big5: '1 84',
  binary: '63',
  cp1250: '26 34 44 66 99',
  cp1251: '14 23 50-52',
  cp1256: '57 67',
  cp1257: '29 58-59',
  cp850: '4 80',
  cp852: '40 81',
  cp866: '36 68',
  cp932: '95-96',
  dec8: '3 69',
  eucjpms: '97-98',
  euckr: '19 85',
  gb18030: '248-250',
  gb2312: '24 86',
  gbk: '28 87',
  geostd8: '92-93',
  greek: '25 70',
  hebrew: '16 71',
  hp8: '6 72',
  keybcs2: '37 73',
  koi8r: '7 74',
  koi8u: '22 75',
  latin1: '5 8 15 31 47-49 94',
  latin2: '2 9 21 27 77',
  latin5: '30 78',
  latin7: '20 41-42 79',
  macce: '38 43',
  macroman: '39 53',
  sjis: '13 88',
  swe7: '10 82',
  tis620: '18 89',
  ucs2: '35 90 128-151 159',
  ujis: '12 91',
  utf16: '54-55 101-124',
  utf16le: '56 62',
  utf32: '60-61 160-183',
  utf8mb3: '33 76 83 192-215 223',
  utf8mb4: '45-46 224-247 255-271 273-275 277-294 296-298 300 303-323',
};

const byCollation = readRanges();

/** The character set of a collation number, as an introducer (`_utf8mb4'...'`) takes it; undefined when it is not known. */
export function charsetOf(collation: number): string | undefined {
  return byCollation.get(collation);
}

/** Multi-byte sets in which an ASCII character is not its own byte, and the one national set that gives ASCII bytes other meanings. */
const notAscii = new Set(['ucs2', 'utf16', 'utf16le', 'utf32', 'swe7']);

export function isAsciiCompatible(charset: string): boolean {
  return !notAscii.has(charset);
}

function readRanges(): ReadonlyMap<number, string> {
  const map = new Map<number, string>();
  for (const [charset, ranges] of Object.entries(collationsOf)) {
    for (const range of ranges.split(' ')) {
      const [first = 0, last = first] = range.split('-').map(Number);
      for (let id = first; id <= last; id++) map.set(id, charset);
    }
  }
  return map;
}
