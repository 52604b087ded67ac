import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { AlertDesk } from '../../../src/core/alerts/desk.ts';
import { DcmhaError } from '../../../src/core/model/errors.ts';
import type { Alert } from '../../../src/core/model/alert.ts';
import type { AlertSink } from '../../../src/ports/alerts.ts';
import { commandSink } from '../../../src/adapters/alerts/command-sink.ts';
import { webhookSink } from '../../../src/adapters/alerts/webhook-sink.ts';
import { commandRunner } from '../../../src/adapters/system/command.ts';
import { httpPoster } from '../../../src/adapters/system/http.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';
import { recordingLog } from '../../support/test-log.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const subject = { group: 'g1', host: 'a' };

function desk(sinks: readonly AlertSink[], clock = new VirtualClock(), log = recordingLog()) {
  return { clock, log, alerts: new AlertDesk({ sinks, clock, log, repeatMs: 60_000 }) };
}

function collecting(): AlertSink & { readonly got: Alert[] } {
  const got: Alert[] = [];
  return { name: 'collecting', got, send: (alert) => Promise.resolve(void got.push(alert)) };
}

describe('alerts', () => {
  it('folds a condition that stands, repeats it now and then with its count, and tells its end', async () => {
    const sink = collecting();
    const { clock, alerts } = desk([sink]);
    for (let n = 0; n < 13; n += 1) {
      alerts.raise('heartbeat-lost', subject, 'lost');
      await clock.runFor(10_000);
    }
    alerts.end('heartbeat-lost', subject, 'back');
    await alerts.drained();
    assert.deepEqual(
      sink.got.map(({ state, count }) => [state, count]),
      [
        ['raised', 1],
        ['repeated', 6],
        ['repeated', 6],
        ['ended', 0],
      ],
    );
    assert.equal(sink.got.at(-1)?.fields['lastedMs'], 130_000);
  });

  it('keeps conditions of different groups and hosts apart, and tells no end of what never began', async () => {
    const sink = collecting();
    const { alerts } = desk([sink]);
    alerts.raise('replica-lost', { group: 'g1', host: 'a' }, 'x');
    alerts.raise('replica-lost', { group: 'g1', host: 'b' }, 'x');
    alerts.end('replica-lost', { group: 'g2', host: 'a' }, 'x');
    await alerts.drained();
    assert.deepEqual(
      sink.got.map(({ host }) => host),
      ['a', 'b'],
    );
  });

  it('does not wait for a sink that hangs, nor do the other sinks', async () => {
    const sink = collecting();
    const hanging: AlertSink = { name: 'hanging', send: () => new Promise(() => undefined) };
    const { alerts, log } = desk([hanging, sink]);
    for (let n = 0; n < 200; n += 1) {
      alerts.event('test', {}, `n ${n}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(sink.got.length, 200);
    assert.ok(
      log.lines.some(
        ({ message, fields }) => message.startsWith('alert dropped') && fields['sink'] === 'hanging',
      ),
    );
  });

  it('logs what a sink could not deliver and goes on with the next', async () => {
    let calls = 0;
    const failing: AlertSink = {
      name: 'failing',
      send: () => {
        calls += 1;
        return Promise.reject(new DcmhaError('PEER_REFUSED', 'no'));
      },
    };
    const { alerts } = desk([failing]);
    alerts.event('test', {}, 'one');
    alerts.event('test', {}, 'two');
    assert.deepEqual(await alerts.drained(), ['failing: no', 'failing: no']);
    assert.equal(calls, 2);
  });
});

describe('alert sinks', () => {
  const alert: Alert = {
    kind: 'test',
    state: 'event',
    text: "it's $(bad)",
    fields: {},
    at: 0,
    count: 1,
    group: 'g1',
  };

  it('gives a command its fields in the environment and all of it as JSON on its input', async () => {
    const dir = makeScratch();
    try {
      const file = path.join(dir, 'out');
      const argv = [
        '/bin/sh',
        '-c',
        `{ printf '%s\\n' "$DCMHA_ALERT_KIND|$DCMHA_ALERT_GROUP|$DCMHA_ALERT_TEXT"; cat; } > ${file}`,
      ];
      await commandSink(argv, commandRunner, 5000).send(alert);
      const [fields, json = ''] = (await readFile(file, 'utf8')).split('\n');
      assert.equal(fields, "test|g1|it's $(bad)");
      assert.deepEqual(JSON.parse(json), alert);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('says how a command failed', async () => {
    const failing = commandSink(['/bin/sh', '-c', 'echo broken >&2; exit 3'], commandRunner, 5000);
    await assert.rejects(failing.send(alert), /command \/bin\/sh ended with 3: broken/);
    const missing = commandSink(['/no/such/program'], commandRunner, 5000);
    await assert.rejects(missing.send(alert));
    const slow = commandSink(['/bin/sh', '-c', 'sleep 60'], commandRunner, 100);
    await assert.rejects(slow.send(alert), /did not end within 100 ms/);
  });

  it('posts to a webhook, tries again when it is refused, and names no more than its origin', async () => {
    const bodies: string[] = [];
    let refusals = 1;
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.push(body);
        response.writeHead(refusals > 0 ? 503 : 200).end();
        refusals -= 1;
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      const clock = {
        now: () => 0,
        monotonic: () => 0,
        pause: () => Promise.resolve(),
        after: () => () => undefined,
      };
      const sink = webhookSink(`http://127.0.0.1:${port}/hook?token=secret`, httpPoster, clock, 2000);
      await sink.send(alert);
      assert.deepEqual(
        bodies.map((body) => JSON.parse(body) as unknown),
        [alert, alert],
      );
      assert.equal(sink.name, `webhook http://127.0.0.1:${port}`);
      refusals = 9;
      await assert.rejects(sink.send(alert), (error: Error) => !error.message.includes('secret'));
    } finally {
      server.close();
    }
  });
});
