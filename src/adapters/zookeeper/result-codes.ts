import { DcmhaError } from '../../core/model/errors.ts';

/** Result codes of the C client (zookeeper.h) that mean something here. */
export const ZOK = 0;
export const ZNONODE = -101;
export const ZNODEEXISTS = -110;
const ZBADVERSION = -103;
const ZNOTEMPTY = -111;
const ZNOAUTH = -102;
const ZINVALIDACL = -114;
const ZAUTHFAILED = -115;
const ZNOCHILDRENFOREPHEMERALS = -108;
export const ZSESSIONMOVED = -118;
export const ZSASLREQUIRED = -124;

const LOST = new Map<number, string>([
  [-1, 'system error'],
  [-4, 'connection lost'],
  [-7, 'timed out'],
  [-9, 'no usable session'],
  [-112, 'session expired'],
  [-116, 'closing'],
  [ZSESSIONMOVED, 'session moved'],
]);

/** Whether a result says nothing of the node, but of the connection. */
export function isLost(rc: number): boolean {
  return LOST.has(rc);
}

/** The error of a failed call. */
export function resultError(rc: number, op: string, path: string): DcmhaError {
  const details = { path, op, rc };
  const lost = LOST.get(rc);
  if (lost !== undefined) {
    return new DcmhaError('SESSION_LOST', `ZooKeeper did not answer ${op} ${path}: ${lost}`, { details });
  }
  switch (rc) {
    case ZNONODE:
      return new DcmhaError(
        'ZNODE_MISSING',
        `there is no znode ${path}${op === 'create' ? "'s parent" : ''}`,
        { details },
      );
    case ZNODEEXISTS:
      return new DcmhaError('ZNODE_EXISTS', `the znode ${path} exists already`, { details });
    case ZBADVERSION:
      return new DcmhaError('ZNODE_CONFLICT', `the znode ${path} changed meanwhile`, { details });
    case ZNOTEMPTY:
      return new DcmhaError('ZNODE_CONFLICT', `the znode ${path} has children`, { details });
    case ZNOCHILDRENFOREPHEMERALS:
      return new DcmhaError('ZNODE_MISSING', `the parent of ${path} is ephemeral and takes no children`, {
        details,
      });
    case ZNOAUTH:
    case ZINVALIDACL:
    case ZAUTHFAILED:
      return new DcmhaError(
        'ZNODE_DENIED',
        `ZooKeeper denies ${op} ${path}: check zookeeper.user and zookeeper.passwordFile, or the node's access list`,
        { details },
      );
    case ZSASLREQUIRED:
      return new DcmhaError(
        'ZNODE_DENIED',
        `ZooKeeper denies ${op} ${path}: it wants its clients authenticated by SASL, and dcmha does that by digest (zookeeper.user)`,
        { details },
      );
    default:
      return new DcmhaError('UNEXPECTED', `ZooKeeper answered ${op} ${path} with code ${rc}`, { details });
  }
}
