import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectError, statementError } from '../../../src/adapters/mysql/errors.ts';
import { grantStatements, neededGrants } from '../../../src/core/model/grants.ts';

const server = { host: '10.0.0.1', port: 3306 };
const context = { server, secrets: ['hunter2', ''] };

/** An error as mysql2 makes it. */
function driverError(facts: {
  message: string;
  code?: string;
  errno?: number;
  sqlState?: string;
  sql?: string;
}): Error {
  return Object.assign(new Error(facts.message), facts);
}

const answer = (errno: number, message = 'no') =>
  driverError({ message, errno, sqlState: 'HY000', code: 'ER_X' });

test('whatever a server says at the door is a refusal, a sign of life', () => {
  for (const errno of [1040, 1042, 1043, 1044, 1045, 1129, 1130, 1203, 1226, 1251, 1275, 3118]) {
    const error = connectError(answer(errno), context);
    assert.equal(error.code, 'MYSQL_REFUSED');
    assert.equal(error.details['errno'], errno);
  }
  for (const code of ['HANDSHAKE_NO_SSL_SUPPORT', 'HANDSHAKE_SSL_ERROR', 'AUTH_SWITCH_PLUGIN_ERROR']) {
    assert.equal(connectError(driverError({ message: 'tls', code }), context).code, 'MYSQL_REFUSED', code);
  }
});

test('silence, a closed port and a broken conversation are no answer', () => {
  for (const code of [
    'ECONNREFUSED',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ECONNRESET',
    'PROTOCOL_CONNECTION_LOST',
  ]) {
    const error = connectError(driverError({ message: 'x', code, errno: -111 }), context);
    assert.equal(error.code, 'MYSQL_UNREACHABLE');
    assert.equal(error.details['code'], code);
  }
  for (const thrown of [undefined, 'text', new TypeError('x')]) {
    assert.equal(connectError(thrown, context).code, 'MYSQL_UNREACHABLE');
  }
});

test('a statement is rejected by the server, or lost with its session', () => {
  const rejected = statementError(answer(1290, 'read only'), 'INSERT', context);
  assert.equal(rejected.code, 'MYSQL_REJECTED');
  assert.equal(rejected.message, '10.0.0.1:3306 rejects INSERT: read only (1290)');
  for (const ends of [1053, 3169, 4031]) {
    assert.equal(statementError(answer(ends), 'INSERT', context).code, 'MYSQL_UNREACHABLE');
  }
  const lost = driverError({ message: 'gone', code: 'PROTOCOL_CONNECTION_LOST' });
  assert.equal(statementError(lost, 'INSERT', context).code, 'MYSQL_UNREACHABLE');
});

test('no secret, no statement and no control character gets into an error', () => {
  const said = driverError({
    message: "You have an error near 'SOURCE_PASSWORD = 'hunter2'\n\u001b[31m' at line 1",
    errno: 1064,
    sqlState: '42000',
    sql: "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = 'hunter2'",
  });
  for (const error of [connectError(said, context), statementError(said, 'CHANGE', context)]) {
    const all = JSON.stringify([error.message, error.details, error.stack, error.cause]);
    assert.doesNotMatch(all, /hunter2|\\u001b|CHANGE REPLICATION SOURCE TO SOURCE/);
    assert.doesNotMatch(error.message, /\p{Cc}/u);
  }
  const long = statementError(answer(1064, 'x'.repeat(5000)), 'SELECT', context);
  assert.ok(long.message.length < 700);
});

test('a missing privilege comes with what to do', () => {
  for (const errno of [1044, 1095, 1142, 1227]) {
    assert.match(statementError(answer(errno), 'KILL', context).message, /; grant the account/);
  }
  assert.doesNotMatch(statementError(answer(1064), 'KILL', context).message, /grant/);
});

test('the grants are one statement for each place', () => {
  const statements = grantStatements("'dcmha'@'%'");
  assert.equal(statements.length, 4);
  for (const { privilege, on, before } of neededGrants) {
    if (before !== undefined) continue;
    assert.ok(
      statements.some((statement) => statement.includes(privilege) && statement.includes(` ON ${on} TO `)),
      privilege,
    );
  }
});

test('a server is not asked for privileges that it does not know', () => {
  const has = (version?: number) =>
    grantStatements("'dcmha'@'%'", version).some((statement) => statement.includes('TRANSACTION_GTID_TAG'));
  assert.deepEqual([has(80_036), has(80_300), has()], [false, true, true]);
  const knew = (version?: number) => grantStatements('a', version)[0]?.includes('SET_USER_ID');
  assert.deepEqual([knew(80_036), knew(80_300), knew()], [true, false, false]);
});
