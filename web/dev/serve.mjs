// The page as it is being written, in front of a host that runs: serves dist/ and passes everything else on, tokens and all.
//   memtide host … --listen 8080
//   npm run dev -- [--host http://127.0.0.1:8080] [--port 8081]
import { createServer, request } from 'node:http';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';

const dist = new URL('../dist/', import.meta.url).pathname;
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

async function file(url, answer) {
  const name = url === '/' ? 'index.html' : url.replace(/^\/app\//, '');
  try {
    const content = await readFile(join(dist, name.replaceAll('..', '')));
    answer.writeHead(200, { 'content-type': types[extname(name)] ?? 'text/plain', 'cache-control': 'no-cache' });
    answer.end(content);
  } catch {
    answer.writeHead(404).end();
  }
}

function pass(host, incoming, answer) {
  const outgoing = request(new URL(incoming.url, host), { method: incoming.method, headers: incoming.headers }, (said) => {
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

/** WebSockets, byte for byte. */
function upgrade(host, incoming, client) {
  const server = connect(Number(host.port), host.hostname, () => {
    const headers = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    server.write(`GET ${incoming.url} HTTP/1.1\r\n${headers.join('')}\r\n`);
    server.pipe(client).pipe(server);
  });
  for (const [one, other] of [[server, client], [client, server]]) one.on('error', () => other.destroy()).on('close', () => other.destroy());
}

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: 'http://127.0.0.1:8080' },
    port: { type: 'string', default: '8081' },
    watch: { type: 'boolean' },
  },
});
const host = new URL(values.host);
const isOurs = (url) => url === '/' || url.startsWith('/app/');
const server = createServer((incoming, answer) => (isOurs(incoming.url) ? void file(incoming.url, answer) : pass(host, incoming, answer)));
server.on('upgrade', (incoming, client) => upgrade(host, incoming, client));
server.listen(Number(values.port), '127.0.0.1');
await import('../build.mjs');
console.log(`http://127.0.0.1:${values.port}/`);
