import { createServer } from 'node:http';
import { DcmhaError } from '../../core/model/errors.ts';
import { leasePath } from '../../core/haproxy/names.ts';
import type { LeasePort } from '../../ports/proxy.ts';

/** Serves `GET /lease/GROUP` on loopback: 200 while the group's write side may be open, else 503. */
export const httpLeasePort: LeasePort = {
  async listen(port, isOpen) {
    const server = createServer((request, response) => {
      const group = groupOf(request.url ?? '');
      const open = group !== undefined && isOpen(group);
      response.writeHead(open ? 200 : 503, { connection: 'close', 'content-type': 'text/plain' });
      response.end(open ? 'open\n' : 'closed\n');
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) =>
        reject(
          new DcmhaError(
            'CONFIG_INVALID',
            `cannot listen at the lease port 127.0.0.1:${port}: ${cause.message}`,
            {
              details: { key: 'router.leasePort', port },
              cause,
            },
          ),
        ),
      );
      server.listen({ host: '127.0.0.1', port, exclusive: true }, resolve);
    });
    return {
      async [Symbol.asyncDispose]() {
        const closed = new Promise((resolve) => server.close(resolve));
        server.closeAllConnections();
        await closed;
      },
    };
  },
};

function groupOf(url: string): string | undefined {
  try {
    const group = decodeURIComponent(url.replace(/^\/lease\//, ''));
    return leasePath(group) === url ? group : undefined;
  } catch {
    return undefined; // not a path that HAProxy asks for
  }
}
