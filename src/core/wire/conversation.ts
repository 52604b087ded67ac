import type { Buffer } from 'node:buffer';
import { CACHING_SHA2, FAST_AUTH_OK, isProof, newNonce, proofOf } from './caching-sha2.ts';
import { Command, parseDumpRequest, type DumpRequest } from './dump-command.ts';
import { encodeAuthSwitch, encodeGreeting, parseLogin, type LoginRequest } from './login.ts';
import { protocolError, type Packet } from './packets.ts';
import { parseReceiverQuery, type ReceiverQuery } from './receiver-queries.ts';
import { encodeError, encodeOk, encodeValue, type ErrorReply } from './replies.ts';

/** Whom a receiver believes to talk to. */
export interface SourceIdentity {
  readonly serverVersion: string;
  readonly serverId: number;
  readonly serverUuid: string;
}

export interface ConversationOptions {
  readonly identity: SourceIdentity;
  readonly account: { readonly user: string; readonly password: string };
  readonly offersTls: boolean;
  readonly connectionId: number;
  /** As the client's address is shown to it in an error. */
  readonly from: string;
  /** Seconds since 1970. */
  readonly now: () => number;
  /** For tests with recorded bytes. */
  readonly nonce?: Buffer | undefined;
}

/** What is to be done about a client's packet. `replies` are payloads; the first continues the client's sequence. */
export type Turn =
  | { readonly kind: 'reply'; readonly replies: readonly Buffer[] }
  | { readonly kind: 'start-tls' }
  | { readonly kind: 'dump'; readonly request: DumpRequest; readonly heartbeatMs: number }
  /** `why` is for the log; undefined for a client that just leaves. */
  | { readonly kind: 'close'; readonly replies: readonly Buffer[]; readonly why: string | undefined };

type State = 'login' | 'login-in-tls' | 'switched' | 'commands';

const LONGEST_USER_SHOWN = 32;

/**
 * The source's side of a connection, up to the request for events: bytes in, bytes out, no I/O. Only the one account gets in; an
 * unknown user is told the same, after the same work, as one with a wrong password.
 */
export class Conversation {
  readonly #options: ConversationOptions;
  readonly #nonce: Buffer;
  readonly #expected: Buffer;
  #state: State = 'login';
  #user = '';
  #heartbeatMs = 0;
  #replicaUuid: string | undefined;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#nonce = options.nonce ?? newNonce();
    this.#expected = proofOf(options.account.password, this.#nonce);
  }

  /** Whether the client has proved who it is. */
  get isLoggedIn(): boolean {
    return this.#state === 'commands';
  }

  /** What the receiver calls itself, once it has. */
  get replicaUuid(): string | undefined {
    return this.#replicaUuid;
  }

  greeting(): Buffer {
    const { identity, connectionId, offersTls } = this.#options;
    return encodeGreeting({
      serverVersion: identity.serverVersion,
      connectionId,
      nonce: this.#nonce,
      offersTls,
    });
  }

  /** Throws `PEER_PROTOCOL` for what is no client's message. */
  accept({ payload }: Packet): Turn {
    switch (this.#state) {
      case 'login':
      case 'login-in-tls':
        return this.#login(parseLogin(payload));
      case 'switched':
        return this.#judge(payload);
      case 'commands':
        return this.#command(payload);
    }
  }

  #login(request: LoginRequest): Turn {
    if (request.kind === 'tls') {
      if (this.#state === 'login-in-tls' || !this.#options.offersTls)
        throw protocolError('TLS is not offered');
      this.#state = 'login-in-tls';
      return { kind: 'start-tls' };
    }
    this.#user = request.user;
    if (request.plugin === '' || request.plugin === CACHING_SHA2) return this.#judge(request.proof);
    this.#state = 'switched';
    return { kind: 'reply', replies: [encodeAuthSwitch(this.#nonce)] };
  }

  #judge(proof: Buffer): Turn {
    const isRight = isProof(this.#expected, proof);
    if (isRight && this.#user === this.#options.account.user && this.#options.account.password !== '') {
      this.#state = 'commands';
      return { kind: 'reply', replies: [FAST_AUTH_OK, encodeOk()] };
    }
    const user = JSON.stringify(this.#user.slice(0, LONGEST_USER_SHOWN)).slice(1, -1);
    const used = proof.length > 0 ? 'YES' : 'NO';
    const message = `Access denied for user '${user}'@'${this.#options.from}' (using password: ${used})`;
    const replies = [encodeError({ errno: 1045, sqlState: '28000', message })];
    return { kind: 'close', replies, why: `access denied for user ${user}` };
  }

  #command(payload: Buffer): Turn {
    switch (payload[0] ?? Command.Quit) {
      case Command.Quit:
        return { kind: 'close', replies: [], why: undefined };
      case Command.Ping:
      case Command.RegisterReplica:
        return { kind: 'reply', replies: [encodeOk()] };
      case Command.Query:
        return this.#query(parseReceiverQuery(payload.toString('utf8', 1).trim()));
      case Command.BinlogDumpGtid:
        return { kind: 'dump', request: parseDumpRequest(payload), heartbeatMs: this.#heartbeatMs };
      case Command.BinlogDump:
        return refuse(POSITIONS_NOT_SERVED);
      default:
        return refuse(UNKNOWN_COMMAND);
    }
  }

  #query(query: ReceiverQuery): Turn {
    switch (query.kind) {
      case 'value':
        return { kind: 'reply', replies: encodeValue(query.column, this.#value(query.of)) };
      case 'heartbeat':
        this.#heartbeatMs = query.periodMs;
        return ACKNOWLEDGED;
      case 'replica-uuid':
        this.#replicaUuid = query.uuid;
        return ACKNOWLEDGED;
      case 'noted':
        return ACKNOWLEDGED;
      case 'semi-sync':
        return refuse(UNKNOWN_VARIABLE);
      case 'other':
        return refuse(ONLY_BINLOG);
    }
  }

  #value(of: Extract<ReceiverQuery, { kind: 'value' }>['of']): string {
    const { identity, now } = this.#options;
    switch (of) {
      case 'time':
        return String(Math.floor(now()));
      case 'server-id':
        return String(identity.serverId);
      case 'server-uuid':
        return identity.serverUuid;
      case 'gtid-mode':
        return 'ON';
      case 'checksum':
        return 'CRC32';
      case 'version':
        return identity.serverVersion;
    }
  }
}

const ACKNOWLEDGED: Turn = { kind: 'reply', replies: [encodeOk()] };

const POSITIONS_NOT_SERVED: ErrorReply = {
  errno: 1236,
  sqlState: 'HY000',
  message: 'dcmha serves events by GTID only: set SOURCE_AUTO_POSITION = 1',
};
const UNKNOWN_COMMAND: ErrorReply = { errno: 1047, sqlState: '08S01', message: 'Unknown command' };
const UNKNOWN_VARIABLE: ErrorReply = { errno: 1193, sqlState: 'HY000', message: 'Unknown system variable' };
const ONLY_BINLOG: ErrorReply = {
  errno: 1295,
  sqlState: 'HY000',
  message: 'This is a binary log service of dcmha, not a MySQL server',
};

function refuse(error: ErrorReply): Turn {
  return { kind: 'reply', replies: [encodeError(error)] };
}
