import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { startSandbox, type TestSandbox } from '../support/sandbox.ts';

let sandbox: TestSandbox;
let at = '';

before(async () => {
  sandbox = await startSandbox({ bare: true, hosts: 1 });
  at = sandbox.group().members[0]!;
  await open();
});
after(() => sandbox[Symbol.asyncDispose]());

const open = () => sandbox.query(at, 'SET GLOBAL read_only = 0', 'dcmha');
const writerAt = (table: string) => sandbox.writer({ at, table, everyMs: 1 });

test('a writer whose server is killed reconnects, tells the outage, and finds all that was acknowledged', async () => {
  await using writer = await writerAt('crash');
  await eventually(() => writer.progress().acknowledged > 50, { timeoutMs: 10_000 });
  await sandbox.kill('mysqld', at);
  await sandbox.start('mysqld', at);
  await open();
  const before = writer.progress().acknowledged;
  await eventually(() => writer.progress().acknowledged > before + 50, { timeoutMs: 10_000 });
  const report = await writer.stop();
  const check = await sandbox.check(at, report);
  assert.deepEqual(check.lost, []);
  assert.ok(check.unacknowledged.every((number) => report.unknown.includes(number)));
  assert.equal(report.outages.length, 1);
  const [outage] = report.outages;
  assert.ok(outage!.ms > 100 && outage!.failures > 0 && outage!.errors.length > 0, JSON.stringify(outage));
});

test('rows that vanish after they were acknowledged are told as lost', async () => {
  await using writer = await writerAt('vanishing');
  await eventually(() => writer.progress().acknowledged > 20, { timeoutMs: 10_000 });
  const report = await writer.stop();
  await sandbox.query(at, 'DELETE FROM app.vanishing WHERE id IN (3, 7)', 'dcmha');
  assert.deepEqual((await sandbox.check(at, report)).lost, [3, 7]);
});

test('a read-only server is an outage, however often it answers', async () => {
  await using writer = await writerAt('refused');
  await eventually(() => writer.progress().acknowledged > 20, { timeoutMs: 10_000 });
  await sandbox.query(at, 'SET GLOBAL read_only = 1', 'dcmha');
  await eventually(() => writer.progress().failures > 3, { timeoutMs: 10_000 });
  const { acknowledged } = writer.progress();
  await open();
  await eventually(() => writer.progress().acknowledged > acknowledged + 20, { timeoutMs: 10_000 });
  const [outage] = (await writer.stop()).outages;
  assert.match(String(outage?.errors[0]), /read-only/);
});
