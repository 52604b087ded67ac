import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StartDue } from '../../../src/roles/agent/start-due.ts';
import type { ChannelStatus, ServerStatus } from '../../../src/ports/mysql.ts';
import { channel, up } from '../../support/group-builder.ts';

const source = channel().source;
const off = { receiver: 'off' } as const;

function statusWith(change: Partial<ChannelStatus>): ServerStatus | undefined {
  const probe = up({ channels: [channel(change)] });
  return probe.kind === 'up' ? probe.status : undefined;
}

/** A replica whose channel has been seen running under epoch 4. */
function settled() {
  const local = { status: statusWith({}), incarnation: 1 };
  const due = new StartDue(local);
  assert.equal(due.decide(source, 4), 'leave');
  return { local, due };
}

describe('a channel that is off', () => {
  it('was stopped by somebody who wanted that, where it has been seen running', () => {
    const { local, due } = settled();
    local.status = statusWith(off);
    assert.equal(due.decide(source, 4), 'leave');
  });

  it('is started in a new epoch, and after a restart of mysqld', () => {
    const { local, due } = settled();
    local.status = statusWith(off);
    assert.equal(due.decide(source, 5), 'start');
    local.incarnation += 1;
    assert.equal(due.decide(source, 4), 'start');
  });

  it('is nobody else’s wish when the agent stopped it, on the way to a primary that it could not compare itself with then', () => {
    const { local, due } = settled();
    due.halt(source, 4);
    local.status = statusWith(off);
    assert.equal(due.decide(source, 4), 'start');
    due.started();
    assert.equal(due.decide(source, 4), 'leave');
  });
});
