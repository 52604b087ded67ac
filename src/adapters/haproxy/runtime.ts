import { DcmhaError } from '../../core/model/errors.ts';
import {
  parsePid,
  parseServersState,
  parseSessions,
  type RuntimeServer,
} from '../../core/haproxy/runtime-answers.ts';
import { runtimeCommand } from './runtime-socket.ts';

const commandTimeoutMs = 2000;

/** One HAProxy's runtime socket. All throw `PEER_UNREACHABLE` and `TIMED_OUT`. */
export class Runtime {
  readonly socket: string;

  constructor(socket: string) {
    this.socket = socket;
  }

  async ask(command: string): Promise<string> {
    return runtimeCommand(this.socket, command, { timeoutMs: commandTimeoutMs });
  }

  async pid(): Promise<number | undefined> {
    return parsePid(await this.ask('show info'));
  }

  async servers(listener: 'write' | 'read'): Promise<readonly RuntimeServer[]> {
    return parseServersState(await this.ask(`show servers state ${listener}`));
  }

  /** Runs commands, and tells how many sessions a server of the write side has then. Throws `PROXY_REJECTED` when it has no such server. */
  async sessionsAfter(server: string, commands: readonly string[]): Promise<number> {
    const answer = await this.ask([...commands, 'show stat write 4 -1'].join('; '));
    const count = parseSessions(answer).get(`write/${server}`);
    if (count !== undefined) return count;
    throw new DcmhaError('PROXY_REJECTED', `the running haproxy has no server write/${server}`, {
      details: { socket: this.socket },
    });
  }

  /** Runs commands that answer nothing when they succeed. Throws `PROXY_REJECTED` with what haproxy says instead. */
  async order(...commands: readonly string[]): Promise<void> {
    const answer = (await this.ask(commands.join('; '))).trim();
    const complaint = answer
      .split('\n')
      .filter((line) => line !== '' && !HARMLESS.test(line))
      .join('; ');
    if (complaint === '') return;
    throw new DcmhaError('PROXY_REJECTED', `haproxy refuses ${commands.join('; ')}: ${complaint}`, {
      details: { socket: this.socket },
    });
  }
}

// What haproxy says of commands that it has done.
const HARMLESS =
  /^(IP changed from|port changed from|nothing changed|no need to change|New server registered|Server deleted|health check port updated)/;
