import assert from 'node:assert/strict';
import test from 'node:test';
import { closesWithinMs, leaseCheckFor } from '../../../src/core/haproxy/lease-check.ts';
import { bindAddresses } from '../../../src/core/haproxy/listeners.ts';
import { declaredBy, isAsValidAs } from '../../../src/core/haproxy/loaded.ts';
import { reconcileReaders } from '../../../src/core/haproxy/reconcile-readers.ts';
import { leaseTerms } from '../../../src/core/lease.ts';
import { parsePid, parseServersState, parseSessions } from '../../../src/core/haproxy/runtime-answers.ts';

/** As HAProxy 2.6.12 answers `show servers state`. */
const STATE = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
2 write 1 g1 127.82.0.1 2 4 1 1 3 15 3 3 6 0 0 0 - 3306 - 0 7073 127.0.0.1 - 0
3 read 1 g11 127.82.0.2 0 5 1 1 3 6 3 0 14 0 0 0 - 3306 - 0 0 - - 0
3 read 2 g12 fd00::2 2 0 7 1 3 6 3 4 6 0 0 0 - 3307 - 0 0 - - 0
3 read 3 g13 127.0.0.1 0 32 1 1 3 6 3 4 6 0 0 0 db3.example 3306 - 0 0 - - 0

`;

test('the running servers are read with their addresses, states and names', () => {
  assert.deepEqual(parseServersState(STATE), [
    { backend: 'write', name: 'g1', address: '127.82.0.1:3306', maintenance: false, weight: 1, up: true },
    { backend: 'read', name: 'g11', address: '127.82.0.2:3306', maintenance: true, weight: 1, up: false },
    { backend: 'read', name: 'g12', address: '[fd00::2]:3307', maintenance: false, weight: 7, up: true },
    { backend: 'read', name: 'g13', address: 'db3.example:3306', maintenance: true, weight: 1, up: false },
  ]);
});

test('a server that the file once had disabled is not in maintenance for it', () => {
  assert.equal(parseServersState(STATE)[0]?.maintenance, false);
});

test('an answer that is not one holds no servers, no sessions and no process', () => {
  for (const answer of ['', 'Unknown command.\n', '\u0000\n,,,', '# pxname,svname,scur\n']) {
    assert.deepEqual(parseServersState(answer), []);
    assert.equal(parseSessions(answer).size, 0);
    assert.equal(parsePid(answer), undefined);
  }
});

test('sessions are counted by server, whatever other commands answered before', () => {
  const answer = '\n\n# pxname,svname,qcur,qmax,scur,smax,\nwrite,g1,0,0,200,202,\nread,g11,0,0,3,9,\n\n';
  assert.deepEqual(
    [...parseSessions(answer)],
    [
      ['write/g1', 200],
      ['read/g11', 3],
    ],
  );
});

test('the process id is found', () => {
  assert.equal(parsePid('Name: HAProxy\nVersion: 2.6.12\nPid: 4711\nUptime: 0d\n'), 4711);
});

const FILE =
  'global\n daemon\nlisten write\n bind :1\n server g1 a:1 check\nlisten read\n server g11 b:1 check weight 2\n';

test('comments, blanks and our servers are no reason to reload; anything else is', () => {
  const { rest } = declaredBy(FILE);
  const same = [
    '# top\n' + FILE,
    FILE.replace(' daemon', '\t daemon # x\n'),
    FILE.replace('a:1', 'c:9'),
    FILE.replace('g11 b:1', 'g12 c:1'),
  ];
  for (const text of same) assert.equal(declaredBy(text).rest, rest);
  const others = [FILE.replace('bind :1', 'bind :2'), FILE.replace(' daemon\n', ''), `${FILE}backend x\n`];
  for (const text of others) assert.notEqual(declaredBy(text).rest, rest);
});

test('the declared servers are told with their options', () => {
  assert.deepEqual(declaredBy(FILE).read, [
    { name: 'g11', address: 'b:1', options: 'check weight 2', disabled: false },
  ]);
});

const declared = (name: string, address: string, options = 'check', disabled = false) => ({
  name,
  address,
  options,
  disabled,
});
const running = (name: string, address: string, maintenance = false, weight = 1) => ({
  backend: 'read',
  name,
  address,
  maintenance,
  weight,
  up: true,
});
const LOADED = new Map([
  ['g11', 'check'],
  ['g12', 'check'],
]);

test('readers are added, retired, moved and enabled', () => {
  const now = [running('g11', 'a:1'), running('g12', 'b:1', true)];
  assert.deepEqual(reconcileReaders(now, [declared('g11', 'a:1')], LOADED), []);
  assert.deepEqual(reconcileReaders(now, [declared('g13', 'c:1', 'check weight 2')], LOADED), [
    { kind: 'add', name: 'g13', address: 'c:1', options: 'check weight 2' },
    { kind: 'retire', name: 'g11' },
  ]);
  assert.deepEqual(reconcileReaders(now, [declared('g11', 'x:1'), declared('g12', 'b:1')], LOADED), [
    { kind: 'move', name: 'g11', address: 'x:1' },
    { kind: 'enable', name: 'g12' },
  ]);
  assert.deepEqual(reconcileReaders(now, [declared('g11', 'a:1', 'check', true)], LOADED), [
    { kind: 'retire', name: 'g11' },
  ]);
});

test('other options of a server that stays need a reload', () => {
  assert.equal(
    reconcileReaders([running('g11', 'a:1')], [declared('g11', 'a:1', 'check backup')], LOADED),
    undefined,
  );
});

test('another weight needs none, and one that is in force nothing', () => {
  const weighed = [declared('g11', 'a:1', 'check weight 9')];
  assert.deepEqual(reconcileReaders([running('g11', 'a:1')], weighed, LOADED), [
    { kind: 'weigh', name: 'g11', weight: 9, options: 'check weight 9' },
  ]);
  const loaded = new Map([['g11', 'weight 50 check']]);
  assert.deepEqual(reconcileReaders([running('g11', 'a:1', false, 9)], weighed, loaded), []);
});

test('a weight that is taken away needs a reload: nobody knows what it would be', () => {
  const loaded = new Map([['g11', 'check weight 9']]);
  assert.equal(
    reconcileReaders([running('g11', 'a:1', false, 9)], [declared('g11', 'a:1')], loaded),
    undefined,
  );
});

test('the addresses of our listeners are found, other kinds left out', () => {
  const text =
    'listen write\n bind :3598\n bind 10.0.0.1:1,*:2 name x\nlisten read\n bind [::1]:3\n bind ipv4@10.0.0.2:4\n bind /run/x.sock\n bind :5-9\nlisten stats\n bind :99\n';
  assert.deepEqual(bindAddresses(text), [
    { host: '0.0.0.0', port: 3598 },
    { host: '10.0.0.1', port: 1 },
    { host: '0.0.0.0', port: 2 },
    { host: '::1', port: 3 },
    { host: '10.0.0.2', port: 4 },
  ]);
});

test('the lease check closes within what a lease leaves for the fence, for any session timeout', () => {
  for (const timeoutMs of [1000, 2000, 6000, 40_000]) {
    const terms = leaseTerms(timeoutMs);
    assert.ok(closesWithinMs(leaseCheckFor(7073, terms)) <= terms.fenceMs, String(timeoutMs));
  }
});

test('only other addresses, given by number, leave a valid file valid', () => {
  const valid = declaredBy(FILE.replace('a:1', '10.0.0.1:1').replace('b:1', '10.0.0.2:1'));
  const same = (write: string, read: string) =>
    isAsValidAs(
      valid,
      declaredBy(FILE.replace('a:1', write).replace(' server g11 b:1 check weight 2\n', read)),
    );
  const reader = (address: string) => ` server g12 ${address} check weight 2\n`;
  assert.equal(same('10.0.0.9:3306', reader('[fd00::1]:1')), true);
  assert.equal(
    same('10.0.0.9:3306 disabled', reader('10.0.0.1:1') + reader('10.0.0.3:1').replace('g12', 'g13')),
    true,
  );
  assert.equal(same('db1.example:3306', reader('10.0.0.1:1')), false);
  assert.equal(same('10.0.0.1:1', reader('10.0.0.1:1').replace('weight 2', 'wait 2')), false);
  assert.equal(same('10.0.0.1:1\n nonsense', reader('10.0.0.1:1')), false);
});
