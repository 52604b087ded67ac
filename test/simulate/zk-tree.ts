import { DcmhaError } from '../../src/core/model/errors.ts';
import type { CreateMode } from '../../src/ports/coordination.ts';

export interface SimNode {
  readonly data: Buffer;
  readonly version: number;
  readonly owner: string | undefined;
  readonly modifiedAt: number;
  /** How often its children changed. */
  readonly sequence: number;
}

/** What one committed transaction does to one node; `event`: what watches are told, if anything. */
export interface Change {
  readonly path: string;
  readonly node: SimNode | undefined;
  readonly event: 'existence' | 'data' | undefined;
}

export type WriteRequest =
  | { readonly op: 'create'; readonly path: string; readonly data: string; readonly mode: CreateMode }
  | {
      readonly op: 'write';
      readonly path: string;
      readonly data: string;
      readonly version: number | undefined;
    }
  | { readonly op: 'remove'; readonly path: string; readonly version: number | undefined };

export interface Effect {
  readonly changes: readonly Change[];
  readonly value: string | number | boolean;
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** Znodes at one server. */
export class Tree {
  readonly #nodes = new Map<string, SimNode>();

  get(path: string): SimNode | undefined {
    return this.#nodes.get(path);
  }

  children(path: string): string[] {
    const prefix = `${path}/`;
    const names: string[] = [];
    for (const one of this.#nodes.keys()) {
      if (one.startsWith(prefix) && !one.includes('/', prefix.length)) names.push(one.slice(prefix.length));
    }
    return names.sort();
  }

  apply(changes: readonly Change[]): void {
    for (const { path, node } of changes) {
      if (node === undefined) this.#nodes.delete(path);
      else this.#nodes.set(path, node);
    }
  }

  /** What a request would change; throws as ZooKeeper refuses. */
  effectOf(request: WriteRequest, session: string, now: number): Effect {
    switch (request.op) {
      case 'create':
        return this.#create(request, session, now);
      case 'write':
        return this.#write(request, now);
      case 'remove':
        return this.#remove(request);
    }
  }

  /** The end of a session. */
  withoutSession(session: string): readonly Change[] {
    const gone = [...this.#nodes].filter(([, { owner }]) => owner === session).map(([path]) => path);
    return gone.flatMap((path) => this.#removal(path));
  }

  #create(
    { path, data, mode }: Extract<WriteRequest, { op: 'create' }>,
    session: string,
    now: number,
  ): Effect {
    const above = parentOf(path);
    const parent = this.#nodes.get(above);
    if (path !== '' && (parent === undefined || parent.owner !== undefined))
      throw new DcmhaError('ZNODE_MISSING', `there is no parent of ${path}`, { details: { path } });
    const name = mode === 'sequential' ? `${path}${String(parent?.sequence ?? 0).padStart(10, '0')}` : path;
    if (this.#nodes.has(name))
      throw new DcmhaError('ZNODE_EXISTS', `${name} exists`, { details: { path: name } });
    const owner = mode === 'ephemeral' ? session : undefined;
    const node = { data: Buffer.from(data), version: 0, owner, modifiedAt: now, sequence: 0 };
    return { changes: [{ path: name, node, event: 'existence' }, ...this.#touched(above)], value: name };
  }

  #write({ path, data, version }: Extract<WriteRequest, { op: 'write' }>, now: number): Effect {
    const before = this.#at(path, version);
    if (before === undefined)
      throw new DcmhaError('ZNODE_MISSING', `there is no ${path}`, { details: { path } });
    const node = { ...before, data: Buffer.from(data), version: before.version + 1, modifiedAt: now };
    return { changes: [{ path, node, event: 'data' }], value: node.version };
  }

  #remove({ path, version }: Extract<WriteRequest, { op: 'remove' }>): Effect {
    if (this.#at(path, version) === undefined) return { changes: [], value: false };
    if (this.children(path).length > 0)
      throw new DcmhaError('ZNODE_CONFLICT', `${path} has children`, { details: { path } });
    return { changes: this.#removal(path), value: true };
  }

  #at(path: string, version: number | undefined): SimNode | undefined {
    const node = this.#nodes.get(path);
    if (node !== undefined && version !== undefined && version !== node.version)
      throw new DcmhaError('ZNODE_CONFLICT', `${path} changed meanwhile`, {
        details: { path, expected: version, version: node.version },
      });
    return node;
  }

  #removal(path: string): Change[] {
    return [{ path, node: undefined, event: 'existence' }, ...this.#touched(parentOf(path))];
  }

  #touched(parent: string): Change[] {
    const node = this.#nodes.get(parent);
    if (node === undefined) return [];
    return [{ path: parent, node: { ...node, sequence: node.sequence + 1 }, event: undefined }];
  }
}
