import { mysqlVersion } from './project.ts';

export interface MysqldSettings {
  /** A directory of its own, made when absent: data, my.cnf, socket, pid file and log are in it. */
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  readonly serverId: number;
  /** Where its socket is when `dir` is too long for one. */
  readonly shortDir?: string | undefined;
  /** Further options of [mysqld]; they win over ours. */
  readonly options?: Readonly<Record<string, string | number>> | undefined;
}

export interface MysqldFiles {
  readonly config: string;
  readonly data: string;
  readonly socket: string;
  readonly pidFile: string;
  readonly log: string;
  /** Statements of the first start, the accounts' passwords; empty afterwards. */
  readonly init: string;
}

// A socket's path has room for 107 bytes.
const LONGEST_SOCKET = 100;

export type MysqldPlace = Pick<MysqldSettings, 'dir' | 'host' | 'port' | 'shortDir'>;

export function mysqldFiles({ dir, host, port, shortDir = '/tmp' }: MysqldPlace): MysqldFiles {
  const socket = `${dir}/mysqld.sock`;
  return {
    config: `${dir}/my.cnf`,
    data: `${dir}/data`,
    socket: socket.length > LONGEST_SOCKET ? `${shortDir}/dcmha-${host}-${port}.sock` : socket,
    pidFile: `${dir}/mysqld.pid`,
    log: `${dir}/mysqld.log`,
    init: `${dir}/init.sql`,
  };
}

// Durable like production and small like a test: about 200 MB resident with these buffers.
const SMALL = {
  innodb_buffer_pool_size: '24M',
  innodb_redo_log_capacity: '32M',
  innodb_log_buffer_size: '2M',
  innodb_ft_cache_size: '1600000',
  innodb_ft_total_cache_size: '32000000',
  key_buffer_size: '1M',
  myisam_sort_buffer_size: '1M',
  max_connections: 120,
  table_open_cache: 200,
  table_open_cache_instances: 1,
  table_definition_cache: 400,
  host_cache_size: 0,
  tmp_table_size: '4M',
  temptable_max_ram: '4M',
  performance_schema_max_digest_sample_age: 0,
  performance_schema_digests_size: 100,
  performance_schema_error_size: 0,
  performance_schema_max_table_instances: 200,
  performance_schema_max_table_handles: 200,
  performance_schema_max_thread_instances: 200,
  performance_schema_events_statements_history_long_size: 0,
  performance_schema_events_stages_history_long_size: 0,
  performance_schema_events_waits_history_long_size: 0,
  performance_schema_events_transactions_history_long_size: 0,
  performance_schema_events_statements_history_size: 1,
  performance_schema_events_waits_history_size: 1,
  performance_schema_max_statement_classes: 20,
} as const;

/** The text of a my.cnf. */
export function renderMysqldConfig(settings: MysqldSettings): string {
  const files = mysqldFiles(settings);
  const options: Readonly<Record<string, string | number>> = {
    // mysqld runs as root only when it is told to.
    ...(process.getuid?.() === 0 ? { user: 'root' } : {}),
    datadir: files.data,
    socket: files.socket,
    pid_file: files.pidFile,
    log_error: files.log,
    init_file: files.init,
    bind_address: settings.host,
    port: settings.port,
    mysqlx: 'OFF',
    report_host: settings.host,
    report_port: settings.port,
    server_id: settings.serverId,
    gtid_mode: 'ON',
    enforce_gtid_consistency: 'ON',
    log_bin: 'binlog',
    relay_log: 'relay',
    binlog_format: 'ROW',
    sync_binlog: 1,
    innodb_flush_log_at_trx_commit: 1,
    // A server comes up as nobody's primary; the agent alone opens it.
    super_read_only: 'ON',
    ...renamedOptions(),
    skip_name_resolve: 'ON',
    log_error_verbosity: 2,
    ...SMALL,
    ...settings.options,
  };
  const lines = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return ['[mysqld]', ...lines, ''].join('\n');
}

// 8.0.26 renamed them; the old names are gone from 9.
function renamedOptions(): Readonly<Record<string, string | number>> {
  const [major = 0, minor = 0, patch = 0] = mysqlVersion().split('.').map(Number);
  const isOld = major === 8 && minor === 0 && patch < 26;
  return isOld
    ? {
        log_slave_updates: 'ON',
        skip_slave_start: 'ON',
        slave_net_timeout: 10,
        master_info_repository: 'TABLE',
      }
    : { log_replica_updates: 'ON', skip_replica_start: 'ON', replica_net_timeout: 10 };
}
