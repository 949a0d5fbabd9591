// A host with three small VMs that listens on TCP, and a browser to look at it with. Between them stands only what can cut the line.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect as dial, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = join(fileURLToPath(new URL('.', import.meta.url)), '../../..');

/** What has to be there, or it is said what to do. */
function needed(path, hint) {
  if (!existsSync(path)) throw new Error(`${path} is not there: ${hint}`);
  return path;
}

const guestFiles = () => join(process.env.MEMTIDE_STATE ?? join(root, 'state'), 'guest');

export class TestHost {
  /** Files of the host: its socket and state. */
  directory = mkdtempSync(join(tmpdir(), 'memtide-web-'));
  #process;
  #line;
  #lines = new Set();
  /** The port that the host listens at. */
  #port;
  /** What the browser shows the host to be let in. */
  token = '';
  /** Where the browser finds it. */
  base = '';

  get #socket() {
    return join(this.directory, 'socket');
  }

  /** A host with nothing on it. */
  async begin(memory) {
    const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
    const program = needed(join(target, 'release/memtide'), 'run make build');
    const options = ['host', '--machine-memory', memory, '--state', join(this.directory, 'state'), '--socket', this.#socket];
    // The browser, too, names what guests boot.
    options.push('--guest-files', guestFiles());
    this.#process = spawn(program, [...options, '--listen', '0', '-o', 'json'], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#port = await listening(this.#process);
    this.token = (await this.ask('POST', '/v1/tokens', { name: 'browser', role: 'administer' })).secret;
    await this.connect();
  }

  async start(memory = '256MiB') {
    await this.begin(memory);
    const busy = 'while :; do mt touch 24 2; sleep 1; done';
    await this.#create('web-a', 112, `memtide.run="${busy}"`, true);
    await this.#create('web-b', 96, '', true);
    await this.#create('idle-c', 96, '', false);
    await until('the shell is there', async () => (await this.ask('GET', '/v1/vms/web-b/console')).includes('shell ready'), 180);
    // Such a small sample lasts as long as the tests otherwise.
    await this.ask('PATCH', '/v1/settings', { 'Mem.SamplePeriod': 5, 'Mem.ShareScanTime': 10, 'Mem.ShareForceSalting': 0 });
  }

  async #create(name, mebibytes, run, start) {
    const guest = guestFiles();
    await this.ask('POST', '/v1/vms', {
      name,
      memory_bytes: mebibytes * 2 ** 20,
      kernel: needed(join(guest, 'Image'), 'run make guest'),
      initrd: needed(join(guest, 'memtide.cpio'), 'run make guest'),
      append: `console=ttyS0 quiet cryptomgr.notests no4lvl ${run}`,
    });
    if (start) await this.ask('POST', `/v1/vms/${name}/start`);
  }

  /** Lets the browser reach the host, at the same place as before. */
  async connect() {
    this.#line = createServer((browser) => {
      const host = dial(this.#port, '127.0.0.1');
      for (const [one, other] of [[browser, host], [host, browser]]) {
        this.#lines.add(one);
        one.on('close', () => (this.#lines.delete(one), other.destroy())).on('error', () => other.destroy()).pipe(other);
      }
    });
    const port = this.base ? Number(new URL(this.base).port) : 0;
    await new Promise((resolve) => this.#line.listen(port, '127.0.0.1', resolve));
    this.base = `http://127.0.0.1:${this.#line.address().port}/`;
  }

  /** Cuts the browser off. */
  disconnect() {
    const closed = new Promise((resolve) => this.#line.close(resolve));
    for (const end of this.#lines) end.destroy();
    return closed;
  }

  /** Asks past the browser; what is JSON is read. */
  ask(method, path, body) {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      const outgoing = request({ socketPath: this.#socket, method, path, headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece) => (text += piece));
        answer.on('end', () => {
          if (answer.statusCode >= 400) reject(new Error(`${method} ${path}: ${text}`));
          else resolve(answer.headers['content-type'] === 'application/json' ? JSON.parse(text) : text);
        });
      });
      outgoing.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async stop() {
    if (this.#line) await this.disconnect();
    if (this.#process) {
      const gone = new Promise((resolve) => this.#process.once('exit', resolve));
      this.#process.kill('SIGTERM');
      await gone;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The port that a host says it listens at. */
async function listening(host) {
  for await (const line of createInterface({ input: host.stdout })) {
    const said = JSON.parse(line);
    if (said.told === 'listening') return Number(new URL(said.address).port);
  }
  throw new Error('the host ended before it listened');
}

/** Waits for something to be so. */
export async function until(what, check, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`waited ${seconds} s for this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export const launch = () =>
  chromium.launch({ executablePath: needed('/usr/bin/chromium', 'run make setup'), args: ['--no-sandbox', '--force-color-profile=srgb'] });

/** A page that is signed in, and notes what it must not do. */
export async function open(browser, host, { width = 1280, theme = 'light', token = host.token } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: width < 600 ? 844 : 900 },
    colorScheme: theme,
    reducedMotion: 'reduce',
    deviceScaleFactor: 1,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const wrongs = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(host.base)) wrongs.push(`asks ${request.url()}`);
  });
  page.on('pageerror', (error) => wrongs.push(error.stack));
  page.on('console', (message) => {
    // What the browser itself says of answers that are refusals is no wrong.
    if (message.type() === 'error' && !/Failed to load resource|ERR_|WebSocket/.test(message.text())) wrongs.push(message.text());
  });
  await page.goto(`${host.base}#token=${token}`);
  await page.getByRole('heading', { name: 'Virtual machines' }).waitFor();
  return { page, wrongs, close: () => context.close(), go: (hash) => page.goto(`${host.base}#/${hash}`) };
}
