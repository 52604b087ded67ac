import { once } from 'node:events';
import type { Socket } from 'node:net';
import { DcmhaError } from '../../core/model/errors.ts';

export interface Sending {
  readonly socket: Socket;
  readonly signal: AbortSignal;
  /** A receiver that takes nothing for this long is gone, ms. */
  readonly stallMs: number;
}

/** Writes, and waits until the other side has taken most of it. Throws when it is gone, or takes nothing. */
export async function send({ socket, signal, stallMs }: Sending, bytes: Buffer): Promise<void> {
  signal.throwIfAborted();
  if (bytes.length === 0 || socket.write(bytes)) return;
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new DcmhaError('TIMED_OUT', `the receiver took nothing for ${stallMs} ms`)),
    stallMs,
  );
  try {
    await once(socket, 'drain', { signal: AbortSignal.any([signal, late.signal]) });
  } catch (error) {
    late.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
