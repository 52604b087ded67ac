/** Everything that an operator is told of. */
export type AlertKind =
  | 'heartbeat-lost'
  | 'two-primaries'
  | 'stalled'
  | 'failover-started'
  | 'failover-done'
  | 'switchover-undone'
  | 'failover-refused'
  | 'plan-blocked'
  | 'push-failed'
  | 'replica-lost'
  | 'session-trouble'
  | 'coordinator-blind'
  | 'distrusted'
  | 'malformed-data'
  | 'pause-ending'
  | 'region-lost'
  | 'region-moved'
  | 'test';

/** What an alert is about; kind and subject together name a condition that stands until it ends. */
export interface AlertSubject {
  readonly group?: string | undefined;
  readonly host?: string | undefined;
  readonly region?: string | undefined;
}

export interface Alert extends AlertSubject {
  readonly kind: AlertKind;
  /** event: happened once. raised, repeated, ended: a condition that stands. */
  readonly state: 'event' | 'raised' | 'repeated' | 'ended';
  /** One sentence: what is the matter and what to do. */
  readonly text: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
  /** ms since 1970. */
  readonly at: number;
  /** How often the condition was seen since it was last told. */
  readonly count: number;
}
