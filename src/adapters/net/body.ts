import type { IncomingMessage } from 'node:http';

/** The whole body, or undefined when it is larger than `limitBytes`; nothing more is read then. Rejects when it is cut short. */
export function readBody(message: IncomingMessage, limitBytes: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    message.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limitBytes) {
        message.pause();
        resolve(undefined);
      } else {
        chunks.push(chunk);
      }
    });
    message.on('end', () => resolve(Buffer.concat(chunks)));
    message.on('error', reject);
    message.on('close', () => reject(new Error('the connection ended within a body')));
  });
}
