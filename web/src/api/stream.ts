// The live stream: read as long as the page is there, taken up again where it broke off. An EventSource would do that by
// itself, but cannot carry the token.

import type { Event, HostStatus, StreamSnapshot } from './schema.ts';
import { problemOf, Refusal, send, unreachable } from './call.ts';
import { authorization } from './session.ts';
import { Messages } from './sse.ts';

export interface Listener {
  connected(): void;
  /** It broke off, and is tried again. */
  lost(why: string): void;
  snapshot(snapshot: StreamSnapshot): void;
  status(status: HostStatus): void;
  event(event: Event): void;
}

const FIRST_WAIT = 500;
const LONGEST_WAIT = 5000;
/** The host sends its status every second; what says nothing for so long is gone. */
const SILENCE = 8000;

/** Follows the stream until `stop` is aborted, or the host refuses the token. */
export async function follow(listener: Listener, stop: AbortSignal): Promise<void> {
  let last: string | null = null;
  let wait = FIRST_WAIT;
  while (!stop.aborted) {
    try {
      for await (const message of messages(last, stop)) {
        if (message === null) listener.connected();
        else {
          wait = FIRST_WAIT;
          last = message.id ?? last;
          hand(listener, message.kind, message.data);
        }
      }
      listener.lost('the host ended the stream');
    } catch (error) {
      if (stop.aborted) return;
      listener.lost(problemOf(error).message);
      if (error instanceof Refusal && (error.status === 401 || error.status === 403)) return;
    }
    await pause(wait, stop);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

/** First `null`, once the host answers, then its messages. */
async function* messages(last: string | null, stop: AbortSignal) {
  const silence = new AbortController();
  const giveUp = (): void => silence.abort(unreachable('the host has fallen silent'));
  let timer = setTimeout(giveUp, SILENCE);
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, SILENCE);
  };
  try {
    const headers = { ...authorization(), ...(last === null ? {} : { 'last-event-id': last }) };
    const signal = AbortSignal.any([stop, silence.signal]);
    const response = await send('/v1/stream', { headers, signal });
    if (!response.body) return;
    yield null;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const whole = new Messages();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      yield* whole.take(value);
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

function hand(listener: Listener, kind: string, data: string): void {
  if (kind === 'snapshot') listener.snapshot(JSON.parse(data) as StreamSnapshot);
  else if (kind === 'status') listener.status(JSON.parse(data) as HostStatus);
  else if (kind === 'event') listener.event(JSON.parse(data) as Event);
}

function pause(milliseconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    stop.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
