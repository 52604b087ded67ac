import { Random } from './random.ts';

/** Writes a random value of a column as an SQL expression. */
type Maker = (random: Random) => string;

interface Column {
  readonly definition: string;
  readonly make?: Maker;
}

const int =
  (low: string, high: string): Maker =>
  (random) =>
    random.pick([low, high, '0', '1', String(random.int(0, 100))]);
const hex =
  (most: number): Maker =>
  (random) =>
    `X'${random.bytes(random.int(0, most)).toString('hex')}'`;
const words = [
  '',
  'a',
  'naïve',
  "it''s",
  'back\\\\slash',
  'tab\\tnew\\nline',
  '日本語',
  '😀',
  'x  ',
  ' lead',
  'nul\\0end',
];
const ascii = ['', 'a', 'plain', "it''s", 'back\\\\slash', 'tilde~', 'line\\nbreak'];
const text =
  (values: readonly string[]): Maker =>
  (random) =>
    `'${random.pick(values)}${random.int(0, 99)}'`;
const one =
  (...values: readonly string[]): Maker =>
  (random) =>
    random.pick(values);
const many = (base: string, count: number): string =>
  Array.from({ length: count }, (_, i) => `'${base}${i}'`).join(',');
const documents = [
  `'null'`,
  `'[]'`,
  `'{}'`,
  `'"text"'`,
  `'{"a": {"b": [1, 2, {"c": "ä"}]}, "n": -1.5e-7, "t": true}'`,
  `'[1, 70000, 5000000000, 18446744073709551615, -9223372036854775808, 0.1, null, "q\\\\"uote"]'`,
  `JSON_OBJECT('d', CAST('2020-01-02' AS DATE), 't', CAST('-10:11:12.5' AS TIME(1)), 'dt', CAST('2021-02-03 04:05:06.789' AS DATETIME(3)))`,
  `JSON_ARRAY(1.50, CAST('bytes' AS BINARY), CAST(12345678901234567890.123 AS DECIMAL(30,3)))`,
  `JSON_OBJECT('big', REPEAT('x', 70000), 'k', JSON_ARRAY(1, 2))`,
];

const allTypes: Readonly<Record<string, Column>> = {
  id: { definition: 'BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY' },
  i1: { definition: 'TINYINT', make: int('-128', '127') },
  u1: { definition: 'TINYINT UNSIGNED', make: int('0', '255') },
  i2: { definition: 'SMALLINT', make: int('-32768', '32767') },
  u2: { definition: 'SMALLINT UNSIGNED', make: int('0', '65535') },
  i3: { definition: 'MEDIUMINT', make: int('-8388608', '8388607') },
  u3: { definition: 'MEDIUMINT UNSIGNED', make: int('0', '16777215') },
  i4: { definition: 'INT', make: int('-2147483648', '2147483647') },
  u4: { definition: 'INT UNSIGNED', make: int('0', '4294967295') },
  i8: { definition: 'BIGINT', make: int('-9223372036854775808', '9223372036854775807') },
  u8: { definition: 'BIGINT UNSIGNED', make: int('0', '18446744073709551615') },
  d65: {
    definition: 'DECIMAL(65,30)',
    make: one(
      '-12345678901234567890123456789012345.123456789012345678901234567891',
      '0',
      '0.000000000000000000000000000001',
    ),
  },
  d5: { definition: 'DECIMAL(5,2)', make: one('-999.99', '0.01', '7') },
  d9: { definition: 'DECIMAL(9,9)', make: one('0.999999999', '-0.5') },
  f: { definition: 'FLOAT', make: one('1.1', '-3.4e38', '1e-38', '0.333333', '16777217') },
  d: { definition: 'DOUBLE', make: one('1.1', '-1.7e308', '5e-324', '-0e0', '0.1', '9007199254740993') },
  b1: { definition: 'BIT(1)', make: one("b'0'", "b'1'") },
  b13: { definition: 'BIT(13)', make: one("b'1000000000001'", "b'0'") },
  b64: { definition: 'BIT(64)', make: one("X'FFFFFFFFFFFFFFFF'", "b'1'") },
  y: { definition: 'YEAR', make: one('0', '1901', '2155', '2024') },
  da: { definition: 'DATE', make: one("'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2024-02-30'") },
  t0: { definition: 'TIME', make: one("'-838:59:59'", "'838:59:59'", "'00:00:01'") },
  t3: { definition: 'TIME(3)', make: one("'-00:00:00.001'", "'12:34:56.789'", "'-1:00:00.5'") },
  t6: { definition: 'TIME(6)', make: one("'-838:59:58.999999'", "'-00:00:01.000001'", "'1:2:3'") },
  n0: { definition: 'DATETIME', make: one("'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'") },
  n1: { definition: 'DATETIME(1)', make: one("'2024-01-02 03:04:05.6'", "'1000-01-01 00:00:00.1'") },
  n6: {
    definition: 'DATETIME(6)',
    make: one("'2024-01-02 03:04:05.000001'", "'9999-12-31 23:59:59.499999'"),
  },
  s0: {
    definition: 'TIMESTAMP NULL',
    make: one("'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'"),
  },
  s4: {
    definition: 'TIMESTAMP(4) NULL',
    make: one("'2024-03-31 02:30:00.1234'", "'1999-12-31 23:59:59.9999'"),
  },
  c: { definition: 'CHAR(10) CHARACTER SET utf8mb4', make: text(['', 'a', 'é', '日本']) },
  c2: { definition: 'CHAR(255) CHARACTER SET utf8mb4', make: text(words) },
  bi: { definition: 'BINARY(8)', make: hex(8) },
  vb: { definition: 'VARBINARY(300)', make: hex(300) },
  vc: { definition: 'VARCHAR(50) CHARACTER SET utf8mb4', make: text(words) },
  v3: { definition: 'VARCHAR(300) CHARACTER SET utf8mb3', make: text(['', 'naïve', '日本語', "it''s"]) },
  vl: { definition: 'VARCHAR(500) CHARACTER SET latin1', make: text([...ascii, 'naïve']) },
  vg: { definition: 'VARCHAR(40) CHARACTER SET gbk', make: text([...ascii, '中文']) },
  vs: { definition: 'VARCHAR(40) CHARACTER SET sjis', make: text(['', 'plain', '日本']) },
  vu: { definition: 'VARCHAR(40) CHARACTER SET utf16', make: text(words) },
  vv: { definition: 'TEXT CHARACTER SET utf32', make: text(words) },
  tb: { definition: 'TINYBLOB', make: hex(255) },
  bl: { definition: 'BLOB', make: hex(400) },
  mb: {
    definition: 'MEDIUMBLOB',
    make: (random) => `REPEAT(X'${random.bytes(3).toString('hex')}', ${random.int(0, 30000)})`,
  },
  lb: { definition: 'LONGBLOB', make: hex(20) },
  tx: { definition: 'TEXT CHARACTER SET utf8mb4', make: text(words) },
  lt: { definition: 'LONGTEXT CHARACTER SET latin1', make: text(ascii) },
  e: { definition: "ENUM('red','green','blü', 'it''s')", make: one("'red'", "'blü'", '4') },
  e3: { definition: `ENUM(${many('m', 300)})`, make: one("'m0'", "'m299'") },
  s: { definition: "SET('a','b','ç')", make: one("''", "'a,ç'", "'b'") },
  s6: { definition: `SET(${many('k', 40)})`, make: one("'k0,k39'", "''") },
  js: { definition: 'JSON', make: (random) => random.pick(documents) },
  g: {
    definition: 'GEOMETRY',
    make: one(
      "ST_GeomFromText('POINT(1 2)')",
      "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')",
    ),
  },
  p: { definition: 'POINT SRID 4326', make: one("ST_GeomFromText('POINT(10 20)', 4326)") },
  po: { definition: 'POLYGON', make: one("ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))')") },
  ve: {
    definition: 'VECTOR(3)',
    make: one("STRING_TO_VECTOR('[1,2.5,-3e-20]')", "STRING_TO_VECTOR('[0,0,0]')"),
  },
  gv: { definition: 'INT GENERATED ALWAYS AS (i2 + 1) VIRTUAL' },
  gs: { definition: 'BIGINT GENERATED ALWAYS AS (i3 * 2) STORED' },
  inv: { definition: 'INT INVISIBLE', make: int('-5', '5') },
};

const small = (definition: string, make: Maker): Column => ({ definition, make });
const key = (random: Random): string => String(random.int(1, 60));

interface Table {
  readonly columns: Readonly<Record<string, Column>>;
  readonly rest?: string;
  readonly options?: string;
}

const tables: Readonly<Record<string, Table>> = {
  all_types: { columns: allTypes },
  no_key: {
    columns: {
      a: small('INT', one('1', '2')),
      b: small('VARCHAR(20) COLLATE utf8mb4_bin', one("'x'", "'y'")),
      f: small('FLOAT', one('1.1', '2.5')),
    },
  },
  composite: {
    columns: {
      a: small('INT', key),
      b: small('VARCHAR(10)', one("'p'", "'q'", "'ö'")),
      t: small('TEXT', text(words)),
    },
    rest: ', PRIMARY KEY (b, a)',
  },
  hidden_key: { columns: { a: small('INT', key), j: small('JSON', (random) => random.pick(documents)) } },
  parts: {
    columns: {
      id: small('INT NOT NULL', key),
      d: small('DATE NOT NULL', one("'2020-01-01'", "'2024-01-01'")),
      n: small('INT', key),
    },
    rest: ', PRIMARY KEY (id, d)',
    options:
      'PARTITION BY RANGE (YEAR(d)) (PARTITION a VALUES LESS THAN (2022), PARTITION b VALUES LESS THAN MAXVALUE)',
  },
  indexed: {
    columns: {
      id: small('INT PRIMARY KEY', key),
      name: small('VARCHAR(30)', text(words)),
      tags: small('JSON', one("'[1,2,3]'", "'[7]'", "'[]'")),
    },
    rest: ', INDEX ((LOWER(name))), INDEX ((CAST(tags AS UNSIGNED ARRAY)))',
  },
  unique_key: { columns: { a: small('INT NOT NULL UNIQUE', key), b: small('INT', key) } },
  parent: { columns: { id: small('INT PRIMARY KEY', key), n: small('INT', key) } },
  child: {
    columns: {
      id: small('INT AUTO_INCREMENT PRIMARY KEY', () => 'DEFAULT'),
      p: small('INT', (random) => `(SELECT MIN(id) FROM parent WHERE id > ${key(random)})`),
    },
    rest: ', FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE',
  },
  loose: {
    columns: {
      id: small('INT AUTO_INCREMENT PRIMARY KEY', () => 'DEFAULT'),
      p: small('INT', (random) => `(SELECT MAX(id) FROM parent WHERE id < ${key(random)})`),
    },
    rest: ', FOREIGN KEY (p) REFERENCES parent (id) ON DELETE SET NULL ON UPDATE SET NULL',
  },
  flat: {
    columns: { id: small('INT PRIMARY KEY', key), b: small('BLOB', hex(50)) },
    options: 'ENGINE=MyISAM',
  },
};

/** Statements that make the tables, in the session's default schema. Its sql_mode must take zero dates. */
export function createTables(): readonly string[] {
  const creates = Object.entries(tables).map(([name, { columns, rest = '', options = '' }]) => {
    const list = Object.entries(columns).map(([column, { definition }]) => `\`${column}\` ${definition}`);
    return `CREATE TABLE ${name} (${list.join(', ')}${rest}) DEFAULT CHARACTER SET utf8mb4 ${options}`;
  });
  return [
    'SET sql_generate_invisible_primary_key = OFF',
    ...creates.filter((sql) => !sql.includes('hidden_key')),
    'SET sql_generate_invisible_primary_key = ON',
    ...creates.filter((sql) => sql.includes('hidden_key')),
    'SET sql_generate_invisible_primary_key = OFF',
    'CREATE TABLE audit (what VARCHAR(10), n INT)',
    'CREATE TABLE counter (id INT, n INT)',
    'INSERT INTO counter VALUES (1, 0)',
    "CREATE TRIGGER t1 AFTER INSERT ON composite FOR EACH ROW INSERT INTO audit VALUES ('insert', NEW.a)",
    'CREATE TRIGGER t2 AFTER UPDATE ON composite FOR EACH ROW UPDATE counter SET n = n + 1',
    'CREATE TRIGGER t3 AFTER DELETE ON composite FOR EACH ROW DELETE FROM audit WHERE n = OLD.a LIMIT 1',
  ];
}

export const triggers: readonly string[] = ['t1', 't2', 't3'];

/** One statement that changes rows of some table; it may fail (duplicate keys and the like) and then changes nothing. */
export function randomChange(random: Random): string {
  const name = random.pick(Object.keys(tables));
  const { columns = {} } = tables[name] ?? {};
  const settable = Object.entries(columns).flatMap(([column, { make }]) =>
    make === undefined ? [] : [{ column, make }],
  );
  const value = (make: Maker): string => (random.chance(0.15) ? 'NULL' : make(random));
  const kind = random.next();
  if (kind < 0.45) {
    const rows = Array.from(
      { length: random.int(1, 4) },
      () => `(${settable.map(({ make }) => value(make)).join(', ')})`,
    );
    const verb = random.pick(['INSERT', 'INSERT IGNORE', 'REPLACE']);
    return `${verb} INTO ${name} (${settable.map(({ column }) => `\`${column}\``).join(', ')}) VALUES ${rows.join(', ')}`;
  }
  const where = `RAND() < ${random.pick(['0.2', '0.6', '1'])} LIMIT ${random.int(1, 6)}`;
  if (kind < 0.6) return `DELETE FROM ${name} WHERE ${where}`;
  const json = settable.filter(({ column }) => ['js', 'j', 'tags'].includes(column));
  if (kind < 0.75 && json.length > 0)
    return `UPDATE ${name} SET ${json.map(({ column }) => jsonChange(random, column)).join(', ')} WHERE ${where}`;
  const chosen = settable.filter(() => random.chance(0.3));
  const sets = (chosen.length > 0 ? chosen : settable).map(
    ({ column, make }) => `\`${column}\` = ${value(make)}`,
  );
  return `UPDATE IGNORE ${name} SET ${sets.join(', ')} WHERE ${where}`;
}

function jsonChange(random: Random, column: string): string {
  return `${column} = ${random.pick([
    `JSON_SET(${column}, '$.a.b[1]', ${random.int(0, 9)}, '$.k', CAST('[1,{}]' AS JSON))`,
    `JSON_REPLACE(${column}, '$[0]', 'text', '$.t', CAST('2020-02-02' AS DATE))`,
    `JSON_REMOVE(${column}, '$[1]')`,
    `JSON_ARRAY_INSERT(${column}, '$[0]', ${random.int(0, 9)})`,
    `JSON_INSERT(${column}, '$.new${random.int(0, 3)}', 'it''s')`,
    `JSON_SET(${column}, '$.big', 'short')`,
  ])}`;
}
