import { hasCode, type DcmhaError } from '../../core/model/errors.ts';
import { parseEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import type { Placement } from '../../core/decide/read-placement.ts';
import type { Route } from '../../core/model/group.ts';
import type { LeaseCheck } from '../../core/haproxy/lease-check.ts';
import { declaredBy, isAsValidAs, type Declared } from '../../core/haproxy/loaded.ts';
import { HOLD_SCRIPT } from '../../core/haproxy/hold-script.ts';
import { readNumber } from '../../core/haproxy/names.ts';
import type { RenderOptions } from '../../core/haproxy/render-options.ts';
import { renderConfig } from '../../core/haproxy/render-config.ts';
import { fillTemplate } from '../../core/haproxy/template.ts';
import { readBytes, runsLua, validate, writeWhole } from './config-files.ts';

export interface ConfigStoreOptions {
  readonly group: string;
  readonly program: string;
  /** `G.cfg`: the operator's file. */
  readonly file: string;
  /** The last one that haproxy took, in the run directory. */
  readonly goodFile: string;
  readonly socket: string;
  /** Where the script that holds new connections is to be. */
  readonly holdScript: string;
  readonly lease: LeaseCheck;
  /** For a file that is not there yet. */
  readonly template: string;
  readonly bind: string;
  readonly writePort: number;
}

/** A configuration that haproxy takes. */
export interface Prepared {
  readonly path: string;
  readonly text: string;
  /** Why it is not the operator's file. */
  readonly rejected?: string | undefined;
}

type Wanted = Pick<RenderOptions, 'route' | 'placement'>;

/** A group's configuration file on disk, and the last good one. */
export class ConfigStore {
  readonly #options: ConfigStoreOptions;
  #valid: Declared | undefined;
  #runsLua: boolean | undefined;

  constructor(options: ConfigStoreOptions) {
    this.#options = options;
  }

  /** Makes the file say `route`. A file that haproxy refuses is left as it is, and the last good one says it instead. */
  async prepare(route: Route, placement?: Placement): Promise<Prepared> {
    const { file, goodFile } = this.#options;
    try {
      const old = await readBytes(file);
      const text = await this.#render(old ?? fillTemplate(this.#options.template, this.#options), {
        route,
        placement,
      });
      if (text !== old) await writeWhole(file, text, { durable: true });
      if (text !== (await readBytes(goodFile))) await writeWhole(goodFile, text, { durable: false });
      return { path: file, text };
    } catch (error) {
      if (!hasCode(error, 'PROXY_REJECTED')) throw error;
      return this.#prepareGood({ route, placement }, error);
    }
  }

  /** The route of the file with the write side closed: what may be started when nobody vouches for a writer. */
  async closedRoute(): Promise<Route> {
    const { file, goodFile, group } = this.#options;
    const text = (await readBytes(file)) ?? (await readBytes(goodFile)) ?? '';
    const read = declaredBy(text)
      .read.filter(({ name, disabled }) => !disabled && readNumber(group, name) !== undefined)
      .flatMap(({ address }) => endpointOf(address) ?? []);
    return { write: undefined, read };
  }

  async #prepareGood(wanted: Wanted, refusal: DcmhaError): Promise<Prepared> {
    const { goodFile } = this.#options;
    const good = await readBytes(goodFile);
    if (good === undefined) throw refusal;
    const text = await this.#render(good, wanted);
    if (text !== good) await writeWhole(goodFile, text, { durable: false });
    return { path: goodFile, text, rejected: refusal.message };
  }

  async #render(base: string, wanted: Wanted): Promise<string> {
    const { program, file, goodFile } = this.#options;
    const text = renderConfig(base, { ...this.#options, ...wanted, holdScript: await this.#holdScript() });
    const declared = declaredBy(text);
    if (this.#valid === undefined || !isAsValidAs(this.#valid, declared)) {
      await validate(program, text, { file, scratch: goodFile });
      this.#valid = declared;
    }
    return text;
  }

  /** In place before a configuration that names it is checked; undefined when haproxy was built without Lua. */
  async #holdScript(): Promise<string | undefined> {
    const { program, holdScript } = this.#options;
    this.#runsLua ??= await runsLua(program);
    if (!this.#runsLua) return undefined;
    if ((await readBytes(holdScript)) !== HOLD_SCRIPT)
      await writeWhole(holdScript, HOLD_SCRIPT, { durable: false });
    return holdScript;
  }
}

function endpointOf(address: string): Endpoint | undefined {
  try {
    return parseEndpoint(address);
  } catch {
    return undefined; // an address of a form that only haproxy knows: it is not a member's
  }
}
