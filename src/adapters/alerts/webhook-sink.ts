import { toDcmhaError } from '../../core/model/errors.ts';
import type { AlertSink } from '../../ports/alerts.ts';
import type { Clock, HttpPoster } from '../../ports/system.ts';

const attempts = 3;
const pauseMs = 1000;

/** Posts each alert as JSON; tries again a little later when the receiver does not take it. */
export function webhookSink(url: string, poster: HttpPoster, clock: Clock, timeoutMs: number): AlertSink {
  return {
    // The address may hold a token: only its origin is named.
    name: `webhook ${URL.canParse(url) ? new URL(url).origin : 'address'}`,
    send: async (alert) => {
      const body = JSON.stringify(alert);
      for (let attempt = 1; ; attempt += 1) {
        try {
          await poster.post(url, body, { timeoutMs });
          return;
        } catch (error) {
          if (attempt >= attempts) throw toDcmhaError(error);
          await clock.pause(pauseMs * attempt);
        }
      }
    },
  };
}
