// What a page asks for itself, beside the stream: asked for once, or again and again while the page is there.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from '../api/schema.ts';
import { problemOf } from '../api/call.ts';

export interface Loaded<T> {
  /** What was answered last. */
  value: T | null;
  /** Why it could not be had, the last time. */
  problem: Problem | null;
  again: () => void;
}

/** Asks whenever `key` is another one, and every `period` milliseconds unless that is 0. */
export function useLoaded<T>(key: string, ask: (stop: AbortSignal) => Promise<T>, period = 0): Loaded<T> {
  const [loaded, setLoaded] = useState<{ key: string; value: T | null; problem: Problem | null }>({
    key,
    value: null,
    problem: null,
  });
  const [round, setRound] = useState(0);
  const how = useRef(ask);
  how.current = ask;
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const turn = async (): Promise<void> => {
      try {
        const value = await how.current(stop.signal);
        if (!stop.signal.aborted) setLoaded({ key, value, problem: null });
      } catch (error) {
        // What is known stays on the page.
        if (!stop.signal.aborted) {
          setLoaded((before) => ({ key, value: before.key === key ? before.value : null, problem: problemOf(error) }));
        }
      }
      if (period > 0 && !stop.signal.aborted) timer = setTimeout(() => void turn(), period);
    };
    void turn();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [key, period, round]);
  const again = useCallback(() => setRound((before) => before + 1), []);
  const mine = loaded.key === key;
  return { value: mine ? loaded.value : null, problem: mine ? loaded.problem : null, again };
}
