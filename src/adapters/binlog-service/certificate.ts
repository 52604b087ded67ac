import { generateKeyPair, randomBytes, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** As PEM texts. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

const DAY_MS = 86_400_000;

/**
 * A new key and a certificate that it signed itself, valid for ten years. It hides what goes over the wire; who is there is proved by
 * the password, so receivers need not (and cannot) check it against an authority.
 */
export async function selfSignedCertificate(now: Date): Promise<Certificate> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const valid = sequence(
    time(new Date(now.getTime() - DAY_MS)),
    time(new Date(now.getTime() + 3650 * DAY_MS)),
  );
  const name = sequence(set(sequence(COMMON_NAME, value(UTF8_STRING, Buffer.from('dcmha')))));
  const serial = value(INTEGER, Buffer.concat([Buffer.from([1]), randomBytes(15)]));
  // Version 1: no extensions are needed, and none can be wrong.
  const body = sequence(serial, ECDSA_WITH_SHA256, name, valid, name, spkiOf(publicKey));
  const signature = value(BIT_STRING, Buffer.concat([Buffer.from([0]), sign('sha256', body, privateKey)]));
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { key, cert: pem(sequence(body, ECDSA_WITH_SHA256, signature)) };
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

// DER, as much of it as a certificate needs (RFC 5280, X.690).
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;

/** 2.5.4.3. */
const COMMON_NAME = value(OBJECT_ID, Buffer.from([0x55, 0x04, 0x03]));
/** 1.2.840.10045.4.3.2. */
const ECDSA_WITH_SHA256 = sequence(
  value(OBJECT_ID, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])),
);

function value(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag]), length(content.length), content]);
}

function length(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.from([bytes]);
  return bytes < 0x100 ? Buffer.from([0x81, bytes]) : Buffer.from([0x82, bytes >> 8, bytes & 0xff]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return value(SEQUENCE, Buffer.concat(parts));
}

function set(...parts: readonly Buffer[]): Buffer {
  return value(SET, Buffer.concat(parts));
}

/** `YYYYMMDDHHMMSSZ`. */
function time(at: Date): Buffer {
  const digits = at.toISOString().replaceAll(/[-:T]|\.\d+Z$/g, '');
  return value(GENERALIZED_TIME, Buffer.from(`${digits}Z`));
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
