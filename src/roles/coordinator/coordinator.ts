import { toDcmhaError } from '../../core/model/errors.ts';
import { Trouble } from '../../core/trouble.ts';
import { listGroups } from '../../core/store/inventory.ts';
import { encodeOwn } from '../../core/store/codecs.ts';
import { znodes } from '../../core/store/znodes.ts';
import { Alarm } from '../alarm.ts';
import { GroupWorker } from './group-worker.ts';
import type { GroupWorkerDeps } from './group-worker-deps.ts';

export type CoordinatorDeps = Omit<GroupWorkerDeps, 'onDuty'>;

interface Looked {
  readonly worker: GroupWorker;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/**
 * `dcmha serve`: one worker per group of the installation, begun and ended as groups come and go. Any coordinator may run a failover
 * (the lock and the journal keep them apart); the first of those that are alive tells operators and keeps the read lists.
 */
export async function runCoordinator(deps: CoordinatorDeps, signal: AbortSignal): Promise<void> {
  const { coordination, clock, log, by } = deps.runner;
  const alarm = new Alarm(clock, signal);
  const presence = coordination.present(znodes.coordinator(by), encodeOwn({ at: clock.now() }));
  const looked = new Map<string, Looked>();
  let first = false;
  const trouble = new Trouble();
  const wakeAll = (): void => {
    for (const { worker } of looked.values()) worker.wake();
  };
  coordination.watchChildren(znodes.groups, alarm.ring, signal);
  coordination.watchChildren(znodes.coordinators, alarm.ring, signal);
  coordination.watchChildren(znodes.tasks, wakeAll, signal);
  tellOfSession(deps, signal);
  log.info('coordinator started', { by });
  while (!signal.aborted) {
    try {
      first = (await coordination.children(znodes.coordinators))[0] === by;
      follow(await listGroups(coordination), looked, { ...deps, onDuty: () => first });
      trouble.over();
    } catch (thrown) {
      const error = toDcmhaError(thrown);
      if (trouble.isNews(error.message))
        log.warn('groups not listed', { code: error.code, error: error.message });
    }
    await alarm.wait(deps.tickMs);
  }
  for (const { stop } of looked.values()) stop.abort();
  await Promise.all([...looked.values()].map(({ ended }) => ended));
  await presence.withdraw();
  log.info('coordinator ended', { by });
}

/** From now on just these groups have a worker. */
function follow(groups: readonly string[], looked: Map<string, Looked>, deps: GroupWorkerDeps): void {
  for (const [group, { stop }] of looked) {
    if (groups.includes(group)) continue;
    stop.abort();
    looked.delete(group);
    deps.runner.log.info('group is gone', { group });
  }
  for (const group of groups) {
    if (looked.has(group)) continue;
    const stop = new AbortController();
    const worker = new GroupWorker(group, deps, stop.signal);
    looked.set(group, { worker, stop, ended: worker.run() });
    deps.runner.log.info('looking after group', { group });
  }
}

/** A lost session is told of: until it is back, this coordinator sees and does nothing. */
function tellOfSession({ runner }: CoordinatorDeps, signal: AbortSignal): void {
  const subject = { host: runner.by };
  runner.coordination.onState((state) => {
    if (state === 'connected') {
      runner.alerts.end(
        'session-trouble',
        subject,
        `coordinator ${runner.by} is connected to ZooKeeper again`,
      );
    } else if (state === 'connecting' && !signal.aborted) {
      const text = `coordinator ${runner.by} has lost its connection to ZooKeeper; other coordinators go on`;
      runner.alerts.raise('session-trouble', subject, text);
    }
  }, signal);
}
