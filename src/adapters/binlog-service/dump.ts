import type { Socket } from 'node:net';
import { checksumSize } from '../../core/binlog/format-description.ts';
import type { TailFile } from '../../core/catch-up/survey-tail.ts';
import type { Gtid } from '../../core/gtid/gtid.ts';
import type { GtidSet } from '../../core/gtid/gtid-set.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import {
  FIRST_POSITION,
  heartbeatEvent,
  rotateEvent,
  streamedFormatEvent,
} from '../../core/wire/artificial-events.ts';
import type { DumpRequest } from '../../core/wire/dump-command.ts';
import type { EventFramer } from '../../core/wire/event-framer.ts';
import { TransactionStream } from '../../core/wire/transaction-stream.ts';
import type { BinlogOffer } from '../../ports/binlog-service.ts';
import { send } from './send.ts';

export interface Dump {
  readonly request: DumpRequest;
  readonly heartbeatMs: number;
  readonly offer: BinlogOffer;
  readonly framer: EventFramer;
  readonly socket: Socket;
  readonly signal: AbortSignal;
  /** A receiver that takes nothing for this long is gone, ms. */
  readonly stallMs: number;
}

/** Where the receiver stands, as it counts itself. */
interface Standing {
  readonly file: string;
  readonly position: number;
}

/**
 * Sends what the receiver does not have, file by file, at the speed at which it takes it. Returns how many bytes of events that were.
 * Throws `PEER_REFUSED` when the server beside takes writes again.
 */
export async function sendTail(dump: Dump): Promise<{ readonly sizeBytes: number; readonly at: Standing }> {
  const { tail } = dump.offer;
  let sizeBytes = 0;
  let at = await sendNewest(dump);
  for (const file of tail.files) {
    const sent = await sendFile(dump, file);
    sizeBytes += sent;
    at = {
      file: file.name,
      position: Math.max(file.end, FIRST_POSITION + file.head.formatEvent.length + sent),
    };
  }
  return { sizeBytes, at };
}

/** One heartbeat; the receiver needs them to know that its source lives. */
export async function sendHeartbeat(dump: Dump, at: Standing): Promise<void> {
  const { framer, offer, request } = dump;
  requireMay(offer);
  framer.event(heartbeatEvent({ serverId: offer.identity.serverId, ...at, v2: request.heartbeatV2 }));
  await send(dump, framer.take());
}

/** With nothing to send, a receiver still wants to know the file and its format. */
async function sendNewest(dump: Dump): Promise<Standing> {
  const { tail } = dump.offer;
  const { name, head } = tail.newest;
  if (tail.files.length === 0) await sendHead(dump, { name, head, start: head.start + 1 });
  return { file: name, position: FIRST_POSITION + head.formatEvent.length };
}

async function sendHead(dump: Dump, file: Pick<TailFile, 'name' | 'head' | 'start'>): Promise<void> {
  const { framer, offer } = dump;
  requireMay(offer);
  framer.event(rotateEvent(offer.identity.serverId, file.name));
  const fromStart = file.start === file.head.start;
  framer.event(streamedFormatEvent(file.head.formatEvent, { fromStart }));
  await send(dump, framer.take());
}

async function sendFile(dump: Dump, tailFile: TailFile): Promise<number> {
  const { offer, framer, request } = dump;
  const { name, head, start, end } = tailFile;
  await using file = await offer.files.open(name);
  await sendHead(dump, tailFile);
  const addsChecksum = checksumSize(head.format) === 0;
  const isWanted = wantedBy(request.have, offer);
  const stream = new TransactionStream(framer, { file: name, start, isWanted, addsChecksum });
  for await (const chunk of file.read(start, end)) {
    requireMay(offer);
    framer.expect(Math.ceil(chunk.length * 1.25));
    stream.push(chunk);
    await send(dump, framer.take());
  }
  return stream.sentBytes;
}

function wantedBy(have: GtidSet, offer: BinlogOffer): (gtid: Gtid) => boolean {
  return (gtid) => !have.has(gtid) && offer.isOffered(gtid);
}

function requireMay(offer: BinlogOffer): void {
  if (offer.mayServe()) return;
  throw new DcmhaError('PEER_REFUSED', 'this binlog may not be served any more: its server takes writes');
}
