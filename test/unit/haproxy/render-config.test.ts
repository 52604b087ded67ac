import assert from 'node:assert/strict';
import test from 'node:test';
import { parseEndpoint } from '../../../src/core/model/endpoint.ts';
import type { Route } from '../../../src/core/model/group.ts';
import { renderConfig } from '../../../src/core/haproxy/render-config.ts';
import { DEFAULT_TEMPLATE, fillTemplate } from '../../../src/core/haproxy/template.ts';

const OPTIONS = {
  group: 'hkmsg',
  file: '/etc/haproxy/dcmha/hkmsg.cfg',
  socket: '/run/dcmha/hkmsg.sock',
  lease: { port: 7073, intervalMs: 500, doubtIntervalMs: 1000, fall: 3 },
  holdScript: undefined,
};

function route(write: string, ...read: readonly string[]): Route {
  return {
    write: write === '' ? undefined : parseEndpoint(write),
    read: read.map((text) => parseEndpoint(text)),
  };
}

function render(text: string, to: Route, group = 'hkmsg'): string {
  return renderConfig(text, { ...OPTIONS, group, route: to });
}

/** The file that an existing installation has on disk. */
const EXISTING = `global
    maxconn 4096
    daemon
    pidfile /tmp/hkmsg.pid
defaults
    mode                tcp
    timeout connect     20s
    timeout client      1m
    timeout server      1m
listen write
    bind :3598
    mode tcp
    balance roundrobin
    server hkmsg 192.168.1.1:3306 check
listen read
    bind :3599
    mode tcp
    balance roundrobin
    server hkmsg1 192.168.1.1:3306 check
    server hkmsg2 192.168.1.2:3306 check
`;

const WITH_OURS = `global
    maxconn 4096
    daemon
    pidfile /tmp/hkmsg.pid
    stats socket /run/dcmha/hkmsg.sock mode 600 level admin expose-fd listeners
defaults
    mode                tcp
    timeout connect     20s
    timeout client      1m
    timeout server      1m
listen write
    bind :3598
    mode tcp
    balance roundrobin
    option httpchk GET /lease/hkmsg
    timeout check 500ms
    retries 0
    timeout server-fin 100ms
    server hkmsg 192.168.1.2:3306 check addr 127.0.0.1 port 7073 inter 500ms fastinter 1000ms fall 3 rise 1 on-marked-down shutdown-sessions
listen read
    bind :3599
    mode tcp
    balance roundrobin
    option redispatch 1
    server hkmsg2 192.168.1.2:3306 check
    server hkmsg3 192.168.1.3:3306 check
`;

test('a file of an existing installation gets the new route and what dcmha needs, nothing else', () => {
  assert.equal(
    render(EXISTING, route('192.168.1.2:3306', '192.168.1.2:3306', '192.168.1.3:3306')),
    WITH_OURS,
  );
});

test('rendering again changes nothing', () => {
  assert.equal(
    render(WITH_OURS, route('192.168.1.2:3306', '192.168.1.2:3306', '192.168.1.3:3306')),
    WITH_OURS,
  );
});

test('the built-in template has the form of an existing file', () => {
  const made = fillTemplate(DEFAULT_TEMPLATE, { group: 'hkmsg', bind: '', writePort: 3598 });
  const [head, ...listeners] = EXISTING.replaceAll(/ {4}server .*\n/g, '').split('listen ');
  assert.deepEqual(made.split('listen '), [head, ...listeners]);
});

test('a closed route disables the write server and keeps its address', () => {
  const closed = render(WITH_OURS, route('', '192.168.1.2:3306', '192.168.1.3:3306'));
  assert.equal(closed, WITH_OURS.replace('shutdown-sessions\n', 'shutdown-sessions disabled\n'));
  assert.equal(render(closed, route('192.168.1.2:3306', '192.168.1.2:3306', '192.168.1.3:3306')), WITH_OURS);
});

const linesOf = (text: string, start: string) =>
  text.split('\n').filter((line) => line.trim().startsWith(start));
const readLines = (text: string) =>
  linesOf(text.slice(text.indexOf('listen read')), 'server').map((line) => line.trim());

test('an empty read list sends reads to the writer', () => {
  assert.deepEqual(readLines(render(EXISTING, route('192.168.1.2:3306'))), [
    'server hkmsg2 192.168.1.2:3306 check',
  ]);
});

test('without readers and writer the first read server stays, disabled, and its options come back', () => {
  const none = render(EXISTING, route(''));
  assert.deepEqual(readLines(none), ['server hkmsg1 192.168.1.1:3306 check disabled']);
  assert.deepEqual(readLines(render(none, route('', '10.0.0.9:3307'))), [
    'server hkmsg2 10.0.0.9:3307 check',
  ]);
});

test('comments, quoting, blank lines, line ends and options that are not ours stay byte for byte', () => {
  const odd = [
    '# an operator wrote this\r',
    'global # g\r',
    '\tlog "127.0.0.1" local0\r',
    '\r',
    'userlist u\r',
    '   user  \'a b\'  insecure-password   "x#y"\r',
    'listen write\r',
    '\tbind :3598   # the port\r',
    '\tserver "hkmsg"   192.168.1.1:3306   weight 5 check  inter 2s # the primary\r',
    'listen read\r',
    '\tserver other 10.9.9.9:1 check\r',
    '\tserver hkmsg7 192.168.1.2:3306 check weight 9 # seven\r',
    '\r',
    '# the end',
  ].join('\n');
  const expected = [
    '# an operator wrote this\r',
    'global # g\r',
    '\tlog "127.0.0.1" local0\r',
    '\tstats socket /run/dcmha/hkmsg.sock mode 600 level admin expose-fd listeners\r',
    '\r',
    'userlist u\r',
    '   user  \'a b\'  insecure-password   "x#y"\r',
    'listen write\r',
    '\tbind :3598   # the port\r',
    '\toption httpchk GET /lease/hkmsg\r',
    '\ttimeout check 500ms\r',
    '\tretries 0\r',
    '\ttimeout server-fin 100ms\r',
    '\tserver "hkmsg"   192.168.1.2:3306   weight 5 check  inter 500ms addr 127.0.0.1 port 7073 fastinter 1000ms fall 3 rise 1 on-marked-down shutdown-sessions # the primary\r',
    'listen read\r',
    '\toption redispatch 1\r',
    '\tserver other 10.9.9.9:1 check\r',
    '\tserver hkmsg7 192.168.1.2:3306 check weight 9 # seven\r',
    '\tserver hkmsg1 192.168.1.3:3306 check weight 9\r',
    '\r',
    '# the end\r\n',
  ].join('\n');
  assert.equal(render(odd, route('192.168.1.2:3306', '192.168.1.2:3306', '192.168.1.3:3306')), expected);
});

test('a check of MySQL on the write side gives way to the lease check', () => {
  const text = EXISTING.replace(
    '    server hkmsg 192',
    '    option mysql-check user haproxy\n    server hkmsg 192',
  );
  const rendered = render(text, route('192.168.1.2:3306', '192.168.1.2:3306'));
  assert.deepEqual(linesOf(rendered, 'option mysql-check'), []);
  assert.deepEqual(linesOf(rendered, 'option httpchk'), ['    option httpchk GET /lease/hkmsg']);
});

test('a file without a global section gets one, below what stands at its top', () => {
  const text = `# mine\n\n${EXISTING.slice(EXISTING.indexOf('defaults'))}`;
  assert.match(
    render(text, route('192.168.1.2:3306')),
    /^# mine\n\nglobal\n {4}stats socket \/run\/dcmha\/hkmsg.sock mode 600 level admin expose-fd listeners\ndefaults\n/,
  );
});

test('a group with odd characters has a server name that HAProxy takes, and its own read servers', () => {
  const rendered = render(
    fillTemplate(DEFAULT_TEMPLATE, { group: 'a b/é', bind: '', writePort: 1 }),
    route('10.0.0.1:3306', '[fd00::1]:3306'),
    'a b/é',
  );
  assert.match(rendered, /server a:20b:2F:C3:A9 10\.0\.0\.1:3306 /);
  assert.match(rendered, /server a:20b:2F:C3:A91 \[fd00::1\]:3306 /);
  assert.match(rendered, /GET \/lease\/a%20b%2F%C3%A9\n/);
  assert.match(rendered, /pidfile \/tmp\/a%20b%2F%C3%A9\.pid\n/);
});

const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  [
    'no `listen write`',
    EXISTING.replace('listen write', 'listen wrote'),
    /hkmsg\.cfg has no section `listen write`/,
  ],
  [
    'no `listen read`',
    EXISTING.replace('listen read', 'backend read'),
    /has no section `listen read`; it has `backend read`/,
  ],
  [
    'frontend and backend instead',
    'frontend f\n bind :1\n default_backend b\nbackend b\n',
    /no section `listen write`; it has `frontend f`, `backend b`/,
  ],
  ['two write listeners', `${EXISTING}listen write\n bind :1\n`, /more than one section `listen write`/],
  [
    'two write servers',
    EXISTING.replace('listen read', '    server b 1.2.3.4:1 backup\nlisten read'),
    /has the servers hkmsg, b; only hkmsg/,
  ],
  [
    'a template of write servers',
    EXISTING.replace('server hkmsg 192', 'server-template hkmsg 2 192'),
    /`server-template`/,
  ],
  [
    'http-check rules',
    EXISTING.replace('listen read', '    http-check expect status 500\nlisten read'),
    /`http-check` rules/,
  ],
  ['nothing', '', /has no section `listen write`/],
  ['garbage', '\u0000\u00ff"\n\'', /has no section `listen write`/],
];
for (const [name, text, message] of REFUSED) {
  test(`a file with ${name} is refused by name`, () => {
    assert.throws(() => render(text, route('10.0.0.1:3306')), { code: 'PROXY_REJECTED', message });
  });
}

const placed = (backup: boolean | undefined, weight?: number) => ({ backup, weight });

test('read servers are placed: weight and backup are written where they are told, all else stays', () => {
  const text = EXISTING.replace(
    'hkmsg2 192.168.1.2:3306 check',
    'hkmsg2 192.168.1.2:3306 backup weight 5 check # two',
  );
  const placement = new Map([
    ['192.168.1.1:3306', placed(true, 20)],
    ['192.168.1.2:3306', placed(false, 30)],
    ['192.168.1.3:3306', placed(false)],
  ]);
  const to = route(
    '192.168.1.9:3306',
    '192.168.1.1:3306',
    '192.168.1.2:3306',
    '192.168.1.3:3306',
    '192.168.1.4:3306',
  );
  const rendered = renderConfig(text, { ...OPTIONS, route: to, placement });
  assert.deepEqual(readLines(rendered), [
    'server hkmsg1 192.168.1.1:3306 check weight 20 backup',
    'server hkmsg2 192.168.1.2:3306 weight 30 check # two',
    'server hkmsg3 192.168.1.3:3306 check',
    'server hkmsg4 192.168.1.4:3306 check',
  ]);
  assert.deepEqual(linesOf(rendered, 'option allbackups').length, 1);
  assert.equal(renderConfig(rendered, { ...OPTIONS, route: to, placement }), rendered);
});
