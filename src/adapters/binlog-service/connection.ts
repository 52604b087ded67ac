import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { TLSSocket, type SecureContext } from 'node:tls';
import { toDcmhaError } from '../../core/model/errors.ts';
import { Conversation, type Turn } from '../../core/wire/conversation.ts';
import { EventFramer } from '../../core/wire/event-framer.ts';
import { framePacket, PacketReader, type Packet } from '../../core/wire/packets.ts';
import { encodeError } from '../../core/wire/replies.ts';
import type { BinlogOffer } from '../../ports/binlog-service.ts';
import type { Log } from '../../ports/system.ts';
import { sendHeartbeat, sendTail, type Dump } from './dump.ts';

export interface ConnectionLimits {
  /** A client that has not logged in, or not asked for events, by then is cut off, ms. */
  readonly loginMs: number;
  readonly stallMs: number;
}

export interface ConnectionSettings {
  readonly account: { readonly user: string; readonly password: string };
  readonly tls: SecureContext;
  readonly limits: ConnectionLimits;
  readonly log: Log;
  readonly offer: () => BinlogOffer | undefined;
  /** Told once it asks for events: an older connection of the same replica is then a dead one. */
  readonly onDump: (connection: Connection) => void;
  readonly onDenied: (why: string, from: string) => void;
}

const LOGIN_PACKET_BYTES = 4096;
/** A set of GTIDs may be long. */
const COMMAND_PACKET_BYTES = 0xff_fffe;
const IDLE_HEARTBEAT_MS = 1000;

/** One client, from its first byte to its end. Never throws: whatever goes wrong ends the connection. */
export class Connection {
  readonly #settings: ConnectionSettings;
  readonly #conversation: Conversation;
  readonly #reader = new PacketReader(LOGIN_PACKET_BYTES);
  readonly #end = new AbortController();
  readonly #from: string;
  readonly #log: Log;
  readonly #deadline: NodeJS.Timeout;
  #socket: Socket;
  #isDumping = false;

  constructor(socket: Socket, id: number, settings: ConnectionSettings) {
    this.#socket = socket;
    this.#settings = settings;
    this.#from = socket.remoteAddress ?? '';
    this.#log = settings.log.with({ from: this.#from });
    const identity = settings.offer()?.identity ?? { serverVersion: '8.0.0', serverId: 0, serverUuid: '' };
    this.#conversation = new Conversation({
      identity,
      account: settings.account,
      offersTls: true,
      connectionId: id,
      from: this.#from,
      now: () => Date.now() / 1000,
    });
    this.#deadline = setTimeout(() => this.end(), settings.limits.loginMs);
    socket.setNoDelay(true).setKeepAlive(true, 1000);
    this.#listen(socket);
    socket.write(framePacket(0, this.#conversation.greeting()));
  }

  get replicaUuid(): string | undefined {
    return this.#conversation.replicaUuid;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  end(): void {
    clearTimeout(this.#deadline);
    this.#end.abort();
    this.#socket.destroy();
  }

  #listen(socket: Socket): void {
    socket.on('error', () => this.end());
    socket.on('close', () => this.end());
    socket.on('end', () => this.end());
    socket.on('data', this.#read);
  }

  readonly #read = (chunk: Buffer): void => {
    // A receiver of events has nothing more to say.
    if (this.#isDumping) return;
    try {
      this.#reader.push(chunk);
      for (let packet = this.#reader.next(); packet !== undefined; packet = this.#reader.next()) {
        this.#take(packet);
      }
    } catch (thrown) {
      this.#settings.onDenied(toDcmhaError(thrown).message, this.#from);
      this.end();
    }
  };

  #take(packet: Packet): void {
    if (this.#isDumping || this.signal.aborted) return;
    const turn = this.#conversation.accept(packet);
    if (this.#conversation.isLoggedIn) this.#reader.raiseLimit(COMMAND_PACKET_BYTES);
    switch (turn.kind) {
      case 'reply':
        this.#reply(packet.sequence, turn.replies);
        return;
      case 'close':
        if (turn.why !== undefined) this.#settings.onDenied(turn.why, this.#from);
        this.#reply(packet.sequence, turn.replies);
        this.#socket.end(() => this.end());
        return;
      case 'start-tls':
        this.#startTls();
        return;
      case 'dump':
        this.#isDumping = true;
        clearTimeout(this.#deadline);
        void this.#dump(turn, packet.sequence + 1);
    }
  }

  #reply(sequence: number, replies: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(replies.map((payload, at) => framePacket(sequence + 1 + at, payload))));
  }

  /** The client begins TLS without waiting, so its first bytes may have come already. */
  #startTls(): void {
    const plain = this.#socket;
    plain.removeListener('data', this.#read);
    plain.pause();
    const rest = this.#reader.takeRest();
    if (rest.length > 0) plain.unshift(rest);
    const secured = new TLSSocket(plain, { isServer: true, secureContext: this.#settings.tls });
    this.#socket = secured;
    this.#listen(secured);
  }

  async #dump(turn: Extract<Turn, { kind: 'dump' }>, sequence: number): Promise<void> {
    const offer = this.#settings.offer();
    const refusal = refusalOf(offer, turn);
    if (offer === undefined || refusal !== undefined) {
      this.#refuse(sequence, refusal ?? 'nothing is offered');
      return;
    }
    this.#settings.onDump(this);
    const { stallMs } = this.#settings.limits;
    const framer = new EventFramer(sequence);
    const { request, heartbeatMs } = turn;
    const dump: Dump = {
      request,
      heartbeatMs,
      offer,
      framer,
      socket: this.#socket,
      signal: this.signal,
      stallMs,
    };
    try {
      await this.#sendAll(dump);
    } catch (thrown) {
      const error = toDcmhaError(thrown);
      if (!this.signal.aborted)
        this.#log.warn('binlog stream broke off', { code: error.code, error: error.message });
      this.end();
    }
  }

  async #sendAll(dump: Dump): Promise<void> {
    const began = performance.now();
    this.#log.info('sending binlog events', {
      replica: this.replicaUuid,
      transactions: dump.offer.tail.transactions,
    });
    const { sizeBytes, at } = await sendTail(dump);
    this.#log.info('binlog events sent', { sizeBytes, tookMs: Math.round(performance.now() - began) });
    for (;;) {
      await sendHeartbeat(dump, at);
      await pause(dump.heartbeatMs === 0 ? IDLE_HEARTBEAT_MS : dump.heartbeatMs, undefined, {
        signal: this.signal,
      });
    }
  }

  #refuse(sequence: number, message: string): void {
    this.#log.warn('request for binlog events refused', { why: message });
    this.#reply(sequence - 1, [
      encodeError({ errno: 1236, sqlState: 'HY000', message: `dcmha: ${message}` }),
    ]);
    this.#socket.end(() => this.end());
  }
}

/** Why nothing can be sent to this receiver; undefined when it can. */
function refusalOf(
  offer: BinlogOffer | undefined,
  { request }: Extract<Turn, { kind: 'dump' }>,
): string | undefined {
  if (offer === undefined) return 'nothing is offered';
  if (!offer.mayServe()) return 'the server beside takes writes';
  return request.have.contains(offer.tail.have) ? undefined : 'the offer was made for another replica';
}
