// A host on a Unix socket, made reachable for a browser while the page is being developed or tested: checks a token as the host does on
// TCP, serves dist/ itself if asked to, and passes everything else on.
//   npm run dev -- --host /run/memtide.sock [--port 8080] [--token secret]
import { createServer, request } from 'node:http';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';

const dist = new URL('../dist/', import.meta.url).pathname;
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const policy =
  "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const tokenOf = ({ headers }) =>
  /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? /memtide\.bearer\.([^,\s]+)/.exec(headers['sec-websocket-protocol'] ?? '')?.[1];

/** Serves at `port` (0: any free one) what is at `socket`; without a token, everybody. Resolves to the server. */
export function serve({ socket, port = 0, token, files = false }) {
  const allowed = (incoming) => token === undefined || !incoming.url.startsWith('/v1/') || tokenOf(incoming) === token;
  const server = createServer((incoming, answer) => {
    if (!allowed(incoming)) {
      answer.writeHead(401, { 'content-type': 'application/json' });
      answer.end(JSON.stringify({ code: 'no-token', message: 'a token is wanted', hint: null, details: null, request_id: null }));
    } else if (files && !incoming.url.startsWith('/v1/')) void file(incoming.url, answer);
    else pass(socket, incoming, answer);
  });
  server.on('upgrade', (incoming, client) => {
    if (allowed(incoming)) upgrade(socket, incoming, client);
    else client.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

async function file(url, answer) {
  const name = url === '/' ? 'index.html' : url.replace(/^\/app\//, '');
  try {
    const content = await readFile(join(dist, name.replaceAll('..', '')));
    answer.writeHead(200, { 'content-type': types[extname(name)] ?? 'text/plain', 'content-security-policy': policy, 'cache-control': 'no-cache' });
    answer.end(content);
  } catch {
    answer.writeHead(404).end();
  }
}

function pass(socketPath, incoming, answer) {
  const { authorization: _, ...headers } = incoming.headers;
  const outgoing = request({ socketPath, path: incoming.url, method: incoming.method, headers }, (said) => {
    answer.writeHead(said.statusCode ?? 502, said.headers);
    said.pipe(answer);
  });
  outgoing.on('error', () => {
    if (answer.headersSent) answer.destroy();
    else answer.writeHead(502).end();
  });
  answer.on('close', () => outgoing.destroy());
  incoming.pipe(outgoing);
}

/** WebSockets, byte for byte; the subprotocol is agreed on here. */
function upgrade(socketPath, incoming, client) {
  const host = connect(socketPath, () => {
    const kept = Object.entries(incoming.headers).filter(([name]) => !['sec-websocket-protocol', 'sec-websocket-extensions'].includes(name));
    host.write(`GET ${incoming.url} HTTP/1.1\r\n${kept.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  });
  host.once('data', (head) => {
    const text = head.toString('latin1');
    const named = text.replace('\r\n', '\r\nsec-websocket-protocol: memtide.console\r\n');
    client.write(Buffer.from(text.startsWith('HTTP/1.1 101') ? named : text, 'latin1'));
    host.pipe(client).pipe(host);
  });
  for (const [one, other] of [[host, client], [client, host]]) one.on('error', () => other.destroy()).on('close', () => other.destroy());
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { values } = parseArgs({ options: { host: { type: 'string' }, port: { type: 'string', default: '8080' }, token: { type: 'string' }, watch: { type: 'boolean' } } });
  const socket = values.host ?? process.env.MEMTIDE_HOST;
  if (!socket) throw new Error('which host? Say --host SOCKET, or set MEMTIDE_HOST');
  const server = await serve({ socket, port: Number(values.port), token: values.token, files: true });
  await import('../build.mjs');
  console.log(`http://127.0.0.1:${server.address().port}/${values.token ? `#token=${values.token}` : ''}`);
}
