import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeConfig } from '../../../src/config/describe.ts';
import { explainPolicy, policySetting, withSetting } from '../../../src/config/group-policy.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { hasCode } from '../../../src/core/model/errors.ts';
import { changePolicy, policyOverrides, readPolicy } from '../../../src/core/store/policy.ts';
import { FakeZookeeper } from '../../support/fake-coordination.ts';

const config = configSchema.parse({ failover: { maxLoss: 5 } });
const file = { config, origins: new Map([['failover.maxLoss', '/etc/dcmha/dcmha.yaml:3']]) };

const refuses = (pattern: RegExp) => (error: unknown) =>
  hasCode(error, 'USAGE') && pattern.test(error.message);

describe("a group's own settings", () => {
  it('are all settings of the configuration, with its descriptions', () => {
    const known = new Set(describeConfig().map(({ key }) => key));
    const own = Object.entries(policyOverrides.shape).flatMap(([section, schema]) =>
      Object.keys(schema.unwrap().shape).map((name) => `${section}.${name}`),
    );
    assert.deepEqual(
      own.filter((key) => !known.has(key)),
      [],
    );
    assert.equal(explainPolicy({}, file).length, own.length);
    assert.ok(explainPolicy({}, file).every(({ meaning }) => meaning !== ''));
  });

  it('say what is in force and who says so', () => {
    const rows = explainPolicy({ failover: { crossDc: 'never' } }, file);
    const of = (key: string) => {
      const row = rows.find((one) => one.key === key);
      return [row?.value, row?.from, row?.otherwise];
    };
    assert.deepEqual(of('failover.crossDc'), ['never', 'group', 'allowed']);
    assert.deepEqual(of('failover.maxLoss'), [5, '/etc/dcmha/dcmha.yaml:3', 5]);
    assert.deepEqual(of('failover.cooldownMs'), [600_000, 'default', 600_000]);
    assert.deepEqual(of('failover.crossDcMaxLossMs'), [undefined, 'default', undefined]);
  });

  it('are set and unset one by one, and a section that becomes empty goes', () => {
    const row = policySetting('failover.allowedDcs');
    const before = { rejoin: { clone: 'allowed' } } as const;
    const after = withSetting(before, row, ['east', 'west'], config);
    assert.deepEqual(after, { ...before, failover: { allowedDcs: ['east', 'west'] } });
    assert.deepEqual(withSetting(after, row, undefined, config), before);
    assert.deepEqual(withSetting(before, row, undefined, config), before);
  });

  it('are refused when they are wrong, unknown, or do not go with the others', () => {
    const set = (key: string, value: unknown) => () => withSetting({}, policySetting(key), value, config);
    assert.throws(
      set('failover.crossDc', 'sometimes'),
      refuses(/must be one of allowed, needs-approval, never, not "sometimes"/),
    );
    assert.throws(set('failover.maxLoss', -1), refuses(/must be a whole number from 0/));
    assert.throws(set('failover.maxLoss', 'many'), refuses(/must be a whole number from 0, not "many"/));
    assert.throws(set('failover.automatic', 'yes'), refuses(/must be true or false/));
    assert.throws(set('failover.allowedDcs', ['']), refuses(/must be a list of texts/));
    assert.throws(
      () => policySetting('failover.crossdc'),
      refuses(/no setting "failover\.crossdc".*failover\.crossDc/),
    );
    assert.throws(() => policySetting('__proto__.x'), refuses(/no setting/));
    assert.throws(
      set('failover.stalledMs', 10),
      refuses(/failover\.stalledMs must not be less than agent\.commitProbeTimeoutMs/),
    );
    assert.throws(set('semiSync.mode', 'on'), refuses(/must be one of off, auto, required, not "on"/));
    assert.throws(set('lag.returnMs', 40_000), refuses(/lag\.returnMs must not be more than lag\.evictMs/));
    // Where a router is is not a group's matter.
    assert.throws(
      () => policySetting('router.dc'),
      refuses(/no setting "router\.dc" of its own: .*router\.reads/),
    );
    assert.throws(set('catchUp.deadlineMs', 99_000), refuses(/catchUp\.deadlineMs must not exceed/));
  });

  it('are not lost when two operators set two of them at once', async () => {
    const zookeeper = new FakeZookeeper(() => 0);
    const [one, two] = [zookeeper.connect(), zookeeper.connect()];
    const set = (key: string, value: unknown) => (own: object) =>
      withSetting(own, policySetting(key), value, config);
    await Promise.all([
      changePolicy(one, 'g1', set('failover.maxLoss', 1)),
      changePolicy(two, 'g1', set('failover.automatic', false)),
    ]);
    assert.deepEqual(await readPolicy(one, 'g1'), { failover: { maxLoss: 1, automatic: false } });
  });
});
