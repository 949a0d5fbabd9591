// A VM's console: a WebSocket. A browser cannot give it the token in a header, so it goes as a subprotocol.

import { address } from './call.ts';
import { token } from './session.ts';

/** Longest message to the host, which takes up to 32 KiB. */
const MOST_TYPED = 16 * 1024;

/** `bytes` in pieces of a message each. */
export function pieces(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const starts = Array.from({ length: Math.ceil(bytes.length / MOST_TYPED) }, (_, index) => index * MOST_TYPED);
  return starts.map((start) => bytes.subarray(start, start + MOST_TYPED));
}

export interface ConsoleListener {
  opened(): void;
  /** What the guest said. */
  said(bytes: Uint8Array): void;
  /** What was said before is not kept any more, or is of another run: what is said next is not the continuation. */
  gap(): void;
  closed(): void;
}

export class ConsoleConnection {
  readonly #socket: WebSocket;
  /** The number of the byte that is said next. */
  #next: number;

  constructor(name: string, from: number, listener: ConsoleListener) {
    this.#next = from;
    const protocols = ['memtide.console', ...(token.value === null ? [] : [`memtide.bearer.${token.value}`])];
    const path = address('/v1/vms/{name}/console', { name });
    const origin = location.origin.replace(/^http/, 'ws');
    this.#socket = new WebSocket(`${origin}${path}?from=${from}`, protocols);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onopen = () => listener.opened();
    this.#socket.onclose = () => listener.closed();
    this.#socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === 'string') {
        const { from: place } = JSON.parse(data) as { from: number };
        if (place !== this.#next) listener.gap();
        this.#next = place;
      } else {
        this.#next += data.byteLength;
        listener.said(new Uint8Array(data));
      }
    };
  }

  get next(): number {
    return this.#next;
  }

  type(text: string): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    for (const piece of pieces(new TextEncoder().encode(text))) this.#socket.send(piece);
  }

  close(): void {
    this.#socket.onclose = null;
    this.#socket.onmessage = null;
    this.#socket.onopen = null;
    this.#socket.close();
  }
}
