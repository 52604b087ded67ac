import type { Alert, AlertKind, AlertSubject } from '../core/model/alert.ts';

/** Where alerts are raised. Returns at once: a sink that hangs delays nothing. */
export interface Alerts {
  /** Something that happened. */
  event(kind: AlertKind, subject: AlertSubject, text: string, fields?: Alert['fields']): void;
  /** A condition that stands; the same one raised again is folded and repeated now and then. */
  raise(kind: AlertKind, subject: AlertSubject, text: string, fields?: Alert['fields']): void;
  /** The condition is over; told only when it was raised before. */
  end(kind: AlertKind, subject: AlertSubject, text: string): void;
}

/** One way to tell somebody. Throws when it could not; the caller logs that. */
export interface AlertSink {
  readonly name: string;
  send(alert: Alert): Promise<void>;
}
