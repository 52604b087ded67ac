import { formatEndpoint } from '../../core/model/endpoint.ts';
import { hasCode, toDcmhaError } from '../../core/model/errors.ts';
import { Trouble } from '../../core/trouble.ts';
import type { ChannelHealth, PresenceRecord, ReplicationHealth } from '../../core/model/group.ts';
import { encodePresence, presentAgent, readPresence } from '../../core/store/presences.ts';
import { znodes } from '../../core/store/znodes.ts';
import type { Presence } from '../../ports/coordination.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps, AgentOptions } from './deps.ts';
import { Alarm } from '../alarm.ts';

const claimRetryMs = 200;

/** Says in `online-list/H` that this agent lives and what it says of its MySQL; written only when that changes. */
export class PresencePublisher {
  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #self: string;
  readonly #local: LocalServer;
  readonly #replication: () => ReplicationHealth | undefined;
  readonly #channels: () => readonly ChannelHealth[] | undefined;
  readonly #doing: () => string | undefined;
  readonly #unmet: () => string | undefined;
  readonly #distrust: () => string | undefined;
  #presence: Presence | undefined;
  #published = '';
  readonly #trouble = new Trouble();

  constructor(
    deps: AgentDeps,
    options: AgentOptions,
    parts: {
      readonly self: string;
      readonly local: LocalServer;
      readonly replication: () => ReplicationHealth | undefined;
      readonly channels?: () => readonly ChannelHealth[] | undefined;
      /** What goes on here that needs its server. */
      readonly doing?: () => string | undefined;
      /** What keeps its server from being as it is asked for. */
      readonly unmet?: () => string | undefined;
      /** What was turned away here. */
      readonly distrust?: () => string | undefined;
    },
  ) {
    this.#deps = deps;
    this.#options = options;
    this.#self = parts.self;
    this.#local = parts.local;
    this.#replication = parts.replication;
    this.#channels = parts.channels ?? (() => undefined);
    this.#doing = parts.doing ?? (() => undefined);
    this.#unmet = parts.unmet ?? (() => undefined);
    this.#distrust = parts.distrust ?? (() => undefined);
  }

  record(): PresenceRecord {
    const { verdict, since } = this.#local.verdict;
    const doing = verdict === 'dead' ? this.#doing() : this.#unmet();
    const why = [this.#local.verdict.why, doing].filter((text) => text !== undefined).join('; ');
    const { writable } = this.#local;
    const distrust = this.#distrust();
    const replication = this.#replication();
    const channels = this.#channels();
    return {
      verdict,
      since,
      agent: formatEndpoint(this.#options.control),
      version: this.#options.version,
      ...(why === '' ? {} : { why }),
      ...(distrust === undefined ? {} : { distrust }),
      ...(writable === undefined ? {} : { writable }),
      ...(replication === undefined ? {} : { replication }),
      ...(channels === undefined ? {} : { channels }),
    };
  }

  /** Publishes what is so now, if it is news. Not awaited by whoever saw the change. */
  readonly publish = (): void => {
    const text = encodePresence(this.record());
    if (this.#presence === undefined || text === this.#published) return;
    this.#published = text;
    this.#presence.update(text).then(
      () => void this.#trouble.over(),
      (thrown: unknown) => {
        this.#published = '';
        this.#tell('presence not updated', thrown);
      },
    );
  };

  /** The same trouble once. */
  #tell(message: string, thrown: unknown): void {
    const error = toDcmhaError(thrown).message;
    if (this.#trouble.isNews(error)) this.#deps.log.warn(message, { error });
  }

  async run(signal: AbortSignal): Promise<void> {
    const record = this.record();
    this.#published = encodePresence(record);
    this.#presence = presentAgent(this.#deps.coordination, this.#self, record);
    await this.#claim(signal);
    const alarm = new Alarm(this.#deps.clock, signal);
    while (!signal.aborted) {
      this.publish();
      await alarm.wait(this.#options.checkIntervalMs);
    }
    await this.#withdraw();
  }

  /**
   * A forerunner that was killed leaves its node until its session expires. This agent holds the control port now, so nobody else
   * stands behind that node, and it is taken away at once.
   */
  async #claim(signal: AbortSignal): Promise<void> {
    const { coordination, clock, log } = this.#deps;
    const path = znodes.presence(this.#self);
    while (!signal.aborted) {
      try {
        const node = await coordination.read(path);
        const session = coordination.sessionId();
        if (node !== undefined && node.owner !== session && (await this.#isOurs())) {
          log.info('taking over from the agent before', { session: node.owner });
          await coordination.remove(path, node.version);
        }
        return;
      } catch (error) {
        if (!hasCode(error, 'SESSION_LOST', 'ZNODE_CONFLICT')) {
          this.#tell('cannot read the presence', error);
        }
        await clock.pause(claimRetryMs, signal);
      }
    }
  }

  /** A node that cannot be read is nobody's. */
  async #isOurs(): Promise<boolean> {
    try {
      const record = await readPresence(this.#deps.coordination, this.#self);
      return record?.agent === formatEndpoint(this.#options.control);
    } catch (error) {
      if (hasCode(error, 'ZNODE_MALFORMED')) return true;
      throw error;
    }
  }

  /** An agent that ends says so, instead of leaving the others to wait for its session. */
  async #withdraw(): Promise<void> {
    try {
      await this.#presence?.withdraw();
    } catch (thrown) {
      this.#deps.log.warn('presence not withdrawn', { error: toDcmhaError(thrown).message });
    }
  }
}
