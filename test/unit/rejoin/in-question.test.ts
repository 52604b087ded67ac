import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { inQuestion } from '../../../src/cli/rollback/in-question.ts';
import { addBurnt, readBurnt } from '../../../src/core/store/burnt.ts';
import { initTree } from '../../../src/core/store/init-tree.ts';
import { FakeZookeeper } from '../../support/fake-coordination.ts';

const gtids = '3e11fa47-71ca-11e1-9e33-c80aa9429562:7-9';

async function withOne() {
  const store = new FakeZookeeper(() => 0).connect();
  await initTree(store);
  await addBurnt(store, '10-0-0-3', { group: 'g1', gtids, at: 0 });
  return store;
}

/** What a call prints, or why it does not. */
async function said(call: Promise<void>): Promise<string> {
  const written: string[] = [];
  const write = mock.method(process.stdout, 'write', (text: string | Uint8Array) => {
    written.push(String(text));
    return true;
  });
  try {
    await call;
    return written.join('');
  } finally {
    write.mock.restore();
  }
}

const look = { host: undefined, end: false, yes: false, json: false };

test('servers in question are shown with what to do', async () => {
  const store = await withOne();
  const text = await said(inQuestion(store, look));
  assert.match(text, /10-0-0-3 +g1 +1970-\S+ \S+ +3e11fa47\S+:7-9/);
  assert.match(text, /start the agent.*dcmha rollback burnt HOST --end/s);
  assert.match(
    await said(inQuestion(store, { ...look, host: '10.0.0.2' })),
    /10\.0\.0\.2 is not in question/,
  );
  const json: unknown = JSON.parse(await said(inQuestion(store, { ...look, host: '10.0.0.3', json: true })));
  assert.deepEqual(json, [{ host: '10-0-0-3', group: 'g1', gtids, at: 0 }]);
});

test('an operator who vouches for one is asked first', async () => {
  const store = await withOne();
  const end = { ...look, host: '10.0.0.3', end: true };
  await assert.rejects(inQuestion(store, end), { code: 'USAGE', message: /may be elected.*Say --yes/s });
  assert.ok((await readBurnt(store, '10-0-0-3')) !== undefined);
  assert.match(await said(inQuestion(store, { ...end, yes: true })), /not in question any more/);
  assert.equal(await readBurnt(store, '10-0-0-3'), undefined);
  await assert.rejects(inQuestion(store, { ...end, yes: true }), { code: 'NOT_FOUND' });
  await assert.rejects(inQuestion(store, { ...look, end: true }), { code: 'USAGE', message: /say which/ });
  assert.match(await said(inQuestion(store, look)), /no server is in question/);
});
