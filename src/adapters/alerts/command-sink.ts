import { DcmhaError } from '../../core/model/errors.ts';
import type { Alert } from '../../core/model/alert.ts';
import type { AlertSink } from '../../ports/alerts.ts';
import type { CommandRunner } from '../../ports/system.ts';

/** Runs the operator's program for each alert: fields as `DCMHA_ALERT_*` in its environment, the whole as JSON on its standard input. */
export function commandSink(argv: readonly string[], runner: CommandRunner, timeoutMs: number): AlertSink {
  const name = `command ${argv[0] ?? ''}`;
  return {
    name,
    send: async (alert) => {
      const { exitCode, stderr } = await runner.run(argv, {
        env: environmentOf(alert),
        stdin: JSON.stringify(alert),
        timeoutMs,
      });
      if (exitCode === 0) return;
      const ending = exitCode === undefined ? `did not end within ${timeoutMs} ms` : `ended with ${exitCode}`;
      throw new DcmhaError('PEER_REFUSED', `${name} ${ending}: ${stderr.trim().slice(0, 200)}`);
    },
  };
}

function environmentOf(alert: Alert): Record<string, string> {
  const { kind, state, group = '', host = '', text } = alert;
  return {
    DCMHA_ALERT_KIND: kind,
    DCMHA_ALERT_STATE: state,
    DCMHA_ALERT_GROUP: group,
    DCMHA_ALERT_HOST: host,
    DCMHA_ALERT_TEXT: text,
  };
}
