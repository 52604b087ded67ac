import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { describeConfig } from '../../../src/config/describe.ts';
import { unknownVariables } from '../../../src/config/environment.ts';
import { loadConfig, loadConfigWithOrigins, type ConfigSources } from '../../../src/config/load.ts';
import { DcmhaError } from '../../../src/core/model/errors.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';

const dir = makeScratch();
after(() => rmSync(dir, { recursive: true }));

const file = path.join(dir, 'dcmha.yaml');

function load(yaml: string, sources: Partial<ConfigSources> = {}) {
  writeFileSync(file, yaml);
  return loadConfig({ file, env: {}, flags: {}, ...sources });
}

/** The lines of the error, with the file's own path cut out. */
function problems(yaml: string, sources: Partial<ConfigSources> = {}): readonly string[] {
  try {
    load(yaml, sources);
  } catch (error) {
    assert.ok(error instanceof DcmhaError);
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.message.replaceAll(file, 'FILE').split('\n');
  }
  throw new Error('it was accepted');
}

describe('where settings come from', () => {
  it('takes defaults when nothing is written, empty or only comments', () => {
    for (const yaml of ['', '# nothing\n', 'mysql:\n  # user: x\n', '{}']) {
      const config = load(yaml);
      assert.equal(config.zookeeper.root, '/mysql');
      assert.equal(config.agent.attempts, 3);
      assert.deepEqual(config.alerts.command, []);
    }
  });

  it('lets flags win over the environment, that over the file, that over defaults', () => {
    const yaml = 'mysql:\n  user: file\n  connectTimeoutMs: 1\n  queryTimeoutMs: 1\n';
    const env = { DCMHA_MYSQL_CONNECT_TIMEOUT_MS: '2', DCMHA_MYSQL_QUERY_TIMEOUT_MS: '2' };
    const { mysql } = load(yaml, {
      env,
      flags: { 'mysql.queryTimeoutMs': 3, 'mysql.user': undefined },
    });
    assert.deepEqual(
      [mysql.user, mysql.connectTimeoutMs, mysql.queryTimeoutMs, mysql.replicationUser],
      ['file', 2, 3, 'repl'],
    );
  });

  it('reads each type from the environment', () => {
    const env = {
      DCMHA_REJOIN_AUTOMATIC: 'false',
      DCMHA_MYSQL_SSL: '1',
      DCMHA_CATCH_UP_DEADLINE_MS: ' 5000 ',
      DCMHA_REJOIN_CLONE: 'allowed',
      DCMHA_ALERTS_COMMAND: '["notify", "to whom"]',
    };
    const config = load('', { env });
    assert.equal(config.rejoin.automatic, false);
    assert.equal(config.mysql.ssl, true);
    assert.equal(config.catchUp.deadlineMs, 5000);
    assert.equal(config.rejoin.clone, 'allowed');
    assert.deepEqual(config.alerts.command, ['notify', 'to whom']);
    const words = load('', { env: { DCMHA_ALERTS_COMMAND: '/bin/notify  now' } });
    assert.deepEqual(words.alerts.command, ['/bin/notify', 'now']);
  });

  it('finds the file by DCMHA_CONFIG, and tells where each setting was written', () => {
    writeFileSync(file, '\nmysql:\n  user: x\n');
    const env = { DCMHA_CONFIG: file, DCMHA_AGENT_PORT: '7' };
    const { config, origins } = loadConfigWithOrigins({ env, flags: { 'router.port': 8 } });
    assert.equal(config.mysql.user, 'x');
    assert.equal(origins.get('mysql.user'), `${file}:3`);
    assert.equal(origins.get('agent.port'), 'environment DCMHA_AGENT_PORT');
    assert.equal(origins.get('router.port'), 'flag');
    assert.equal(origins.get('agent.attempts'), undefined);
  });

  it('ignores variables of others, and can name those that are likely misspelt', () => {
    const env = {
      DCMHA_CONFIG: '',
      DCMHA_MYSQL_BASEDIR: '/opt',
      DCMHA_MYSQL_PASSWORD: 'x',
      DCMHA_MYSQL_CONECT_TIMEOUT_MS: '1',
      DCMHA_AGENT_PORT: '7',
      PATH: '/bin',
    };
    assert.equal(load('', { env }).agent.port, 7);
    assert.deepEqual(unknownVariables(describeConfig(), env), ['DCMHA_MYSQL_CONECT_TIMEOUT_MS']);
  });
});

describe('what is wrong with a configuration', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'an unknown key that is nearly a known one',
      'mysql:\n  conectTimeoutMs: 5\n',
      ['FILE:2: mysql.conectTimeoutMs: unknown key: did you mean connectTimeoutMs?'],
    ],
    [
      'an unknown key that is like none',
      'fleet:\n  colour: red\n',
      ['FILE:2: fleet.colour: unknown key: allowed are max, windowMs'],
    ],
    [
      'an unknown section',
      'zookeper:\n  root: /x\n',
      ['FILE:1: zookeper: unknown key: did you mean zookeeper?'],
    ],
    [
      'a wrong type',
      'log: {}\nmysql:\n  connectTimeoutMs: "5"\n',
      ['FILE:3: mysql.connectTimeoutMs: must be a whole number from 1, not "5"'],
    ],
    [
      'a number out of range',
      'agent:\n  port: 70000\n',
      ['FILE:2: agent.port: must be a whole number from 1 to 65535, not 70000'],
    ],
    [
      'a fraction',
      'agent:\n  attempts: 1.5\n',
      ['FILE:2: agent.attempts: must be a whole number from 1, not 1.5'],
    ],
    [
      'a choice that is none',
      'log:\n  level: loud\n',
      ['FILE:2: log.level: must be one of error, warn, info, debug, not "loud"'],
    ],
    ['a section that is no mapping', 'log: 5\n', ['FILE:1: log: must be a section of keys']],
    [
      'a list with something else in it',
      'alerts:\n  command: [a, 1]\n',
      ['FILE:2: alerts.command: must be a list of texts'],
    ],
    [
      'a root that is no path',
      'zookeeper:\n  root: mysql\n',
      ['FILE:2: zookeeper.root: must be a path such as /mysql, not "mysql"'],
    ],
    ['a list at the top', '- a\n', ['FILE: must hold sections such as `zookeeper:`']],
    [
      'several things at once, each on its line',
      'mysql:\n  x: 1\nlog:\n  level: loud\n',
      [
        'FILE:2: mysql.x: unknown key: allowed are user, passwordFile, connectTimeoutMs, queryTimeoutMs, ssl, sslCaFile, replicationUser, replicationPasswordFile, replicationSsl',
        'FILE:4: log.level: must be one of error, warn, info, debug, not "loud"',
      ],
    ],
  ];
  for (const [what, yaml, expected] of cases) {
    it(`names ${what}`, () => assert.deepEqual(problems(yaml), expected));
  }

  it('names the line of what is not YAML', () => {
    for (const yaml of ['mysql:\n  user: "x\n', 'mysql:\n\tuser: x\n', 'a: 1\na: 2\n', 'a: *nowhere\n']) {
      const [line, ...rest] = problems(yaml);
      assert.match(line ?? '', /^FILE(:\d+)?: (not YAML|its aliases)/);
      assert.deepEqual(rest, []);
    }
    assert.equal(problems('a: &x [1]\nb: [*x,*x]\n').length, 2);
  });

  it('says that the file named is not there, with what to do', () => {
    assert.throws(() => loadConfig({ file: path.join(dir, 'nowhere'), env: {}, flags: {} }), {
      code: 'CONFIG_INVALID',
      message: /nowhere cannot be read \(ENOENT\): name another with --config$/,
    });
    assert.throws(() => loadConfig({ file: dir, env: {}, flags: {} }), { code: 'CONFIG_INVALID' });
  });

  it('names the variable or flag that a wrong value came from', () => {
    assert.deepEqual(problems('', { env: { DCMHA_AGENT_ATTEMPTS: 'many' } }), [
      'environment DCMHA_AGENT_ATTEMPTS: agent.attempts: must be a whole number from 1, not "many"',
    ]);
    assert.deepEqual(problems('', { flags: { 'agent.port': 0 } }), [
      'flag: agent.port: must be a whole number from 1 to 65535, not 0',
    ]);
  });

  it('does not repeat what may hold a token', () => {
    const secret = 'https://hooks.example/T0KEN';
    assert.doesNotMatch(problems(`alerts:\n  webhook: [${secret}]\n`).join(), /T0KEN/);
    assert.doesNotMatch(problems(`alerts:\n  webhook: ftp://${secret}\n`).join(), /T0KEN/);
    assert.doesNotMatch(problems('mysql:\n  password: hunter2\n').join(), /hunter2/);
  });
});

describe('rules over several settings', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['zookeeper:\n  hosts: "a:1,b"\n', /zookeeper.hosts: must be host:port/],
    ['zookeeper:\n  user: u\n', /zookeeper.passwordFile: must be set/],
    ['mysql:\n  sslCaFile: /ca.pem\n', /mysql.sslCaFile: needs mysql.ssl/],
    ['mysql:\n  replicationUser: dcmha\n', /mysql.replicationUser: must differ/],
    ['peer:\n  timeoutMs: 6000\n', /FILE:2: peer.timeoutMs: must be less than zookeeper.sessionTimeoutMs/],
    ['agent:\n  checkTimeoutMs: 7000\n', /agent.checkTimeoutMs: must be less/],
    ['agent:\n  attempts: 1000\n', /agent.attempts: times/],
    ['agent:\n  commitProbeTimeoutMs: 20000\n', /failover.stalledMs: must not be less/],
    ['coordinator:\n  probeTimeoutMs: 3000\n', /failover.gatherTimeoutMs: must not be less/],
    ['catchUp:\n  deadlineMs: 60000\n', /catchUp.deadlineMs: must not exceed/],
    ['router:\n  leasePort: 7072\n', /router.leasePort: must differ/],
    ["agent:\n  startMysqld: ['', start]\n", /agent.startMysqld: must begin with the program/],
    [
      'agent:\n  datadir: /var/lib/mysql/\nsalvage:\n  directory: /var/lib/mysql/saved\n',
      /salvage.directory: must not be inside agent.datadir/,
    ],
    ['router:\n  writePort: 7071\n', /router.writePort: must differ/],
    ['alerts:\n  webhook: nothing\n', /alerts.webhook: must be an http/],
  ];
  for (const [yaml, expected] of cases) {
    it(`breaks ${expected.source}`, () => {
      const lines = problems(yaml);
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.match(lines[0] ?? '', expected);
    });
  }
});

describe('the table of settings', () => {
  const rows = describeConfig();

  it('has a description for each, and its default as the program uses it', () => {
    const sections = new Map<string, object>(Object.entries(load('')));
    for (const row of rows) {
      assert.notEqual(row.description, '', row.key);
      const [section = '', name = ''] = row.key.split('.');
      const values = new Map<string, unknown>(Object.entries(sections.get(section) ?? {}));
      assert.deepEqual(values.get(name), row.default, row.key);
    }
    assert.ok(rows.length > 50);
  });

  it('gives each a variable of its own', () => {
    assert.equal(new Set(rows.map(({ variable }) => variable)).size, rows.length);
    assert.equal(
      rows.find(({ key }) => key === 'catchUp.deadlineMs')?.variable,
      'DCMHA_CATCH_UP_DEADLINE_MS',
    );
  });
});
