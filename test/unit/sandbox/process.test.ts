import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  endProcess,
  findMarked,
  identify,
  isGone,
  MARK,
  sendSignal,
  spawnDetached,
  stateOf,
  tailOf,
} from '../../../src/sandbox/process.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';
import { eventually } from '../../support/eventually.ts';

let dir = '';
before(() => {
  dir = makeScratch();
});
after(() => rm(dir, { recursive: true, force: true }));

const start = (argv: readonly string[], mark?: string) =>
  spawnDetached({ argv, cwd: dir, log: path.join(dir, 'log'), mark, diesWithParent: true });

test('a process is running, paused, running and stopped, as its signals say', async () => {
  const sleeper = await start(['sleep', '60']);
  assert.equal(stateOf(sleeper), 'running');
  assert.ok(sendSignal(sleeper, 'SIGSTOP'));
  await eventually(() => stateOf(sleeper) === 'paused', { timeoutMs: 2000 });
  assert.ok(sendSignal(sleeper, 'SIGCONT'));
  await eventually(() => stateOf(sleeper) === 'running', { timeoutMs: 2000 });
  await endProcess(sleeper);
  assert.equal(stateOf(sleeper), 'stopped');
  assert.equal(sendSignal(sleeper, 'SIGKILL'), false);
});

test('a process with our pid that started at another time is none of ours', () => {
  const somebody = { pid: process.pid, startTicks: '1' };
  assert.equal(stateOf(somebody), 'stopped');
  assert.equal(sendSignal(somebody, 'SIGKILL'), false);
  assert.equal(stateOf(identify(process.pid)), 'running');
});

test('one that ignores SIGTERM, and one that is paused, are ended all the same', async () => {
  const deaf = await start(['bash', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done']);
  await eventually(() => tailOf(path.join(dir, 'log')).includes('ready'), { timeoutMs: 2000 });
  await endProcess(deaf, 100);
  assert.equal(stateOf(deaf), 'stopped');
  const paused = await start(['sleep', '60']);
  sendSignal(paused, 'SIGSTOP');
  await endProcess(paused, 2000);
  assert.equal(stateOf(paused), 'stopped');
});

test('descendants are found by the mark in their environment, others are not', async () => {
  const mark = `test-${process.pid}@${dir}`;
  const parent = await start(['bash', '-c', 'sleep 60 & wait'], mark);
  const bystander = spawn('sleep', ['60'], { env: { ...process.env, [MARK]: `${mark}-not` } });
  const look = () => findMarked((candidate) => candidate === mark);
  await eventually(() => look().length === 2, { timeoutMs: 2000 });
  const found = look();
  assert.ok(found.some(({ pid }) => pid === parent.pid));
  assert.ok(!found.some(({ pid }) => pid === bystander.pid));
  bystander.kill('SIGKILL');
  for (const target of found) {
    sendSignal(target, 'SIGKILL');
    assert.ok(await isGone(target, 2000));
  }
});

test('a program that is not there is an error, not a crash', async () => {
  await assert.rejects(spawnDetached({ argv: ['/no/such/program'], cwd: dir, log: path.join(dir, 'log') }), {
    code: 'UNEXPECTED',
    message: /\/no\/such\/program cannot be started/,
  });
});
