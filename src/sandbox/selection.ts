import { DcmhaError } from '../core/model/errors.ts';
import { processKinds, type ProcessSpec } from './state.ts';

/** `host`: everything that lives at one address. */
export const whats = [...processKinds, 'host'] as const;
export type What = (typeof whats)[number];

export const killSignals = ['KILL', 'STOP', 'CONT', 'TERM'] as const;
export type KillSignal = (typeof killSignals)[number];

export interface Selection {
  readonly what?: What | undefined;
  /** An address, or the id of a process; may be left out when only one fits. */
  readonly host?: string | undefined;
}

/** The processes that are meant. Throws `NOT_FOUND` when there is none, `USAGE` when a host must be named. */
export function selectProcesses<T extends Pick<ProcessSpec, 'kind' | 'host' | 'id'>>(
  processes: readonly T[],
  { what, host }: Selection,
): readonly T[] {
  const fits = processes.filter(
    (spec) =>
      (what === undefined || what === 'host' || spec.kind === what) &&
      (host === undefined || spec.host === host || spec.id === host),
  );
  const where = host === undefined ? '' : ` at ${host}`;
  if (fits.length === 0) {
    const known = [...new Set(processes.map((spec) => spec.host))].join(', ');
    throw new DcmhaError(
      'NOT_FOUND',
      `no ${what ?? 'process'}${where} in this sandbox; its hosts are ${known}`,
    );
  }
  if (host === undefined && what !== undefined && new Set(fits.map((spec) => spec.host)).size > 1) {
    const choices = [...new Set(fits.map((spec) => spec.host))].join(', ');
    throw new DcmhaError('USAGE', `which ${what}? Add --host, one of ${choices}`);
  }
  return fits;
}
