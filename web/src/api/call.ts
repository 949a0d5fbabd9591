// Asking the host. Which routes there are, what they take and answer comes from its description (schema.ts), so that a
// route that changes does not compile any more.

import type { Problem, Routes } from './schema.ts';
import { authorization, refused } from './session.ts';

type Route = keyof Routes;
type ParamNames<Path> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | ParamNames<Rest> : never;
type Params<R extends Route> = [ParamNames<R>] extends [never]
  ? { params?: never }
  : { params: Record<ParamNames<R>, string | number> };
type Body<R extends Route> = Routes[R]['body'] extends undefined
  ? { body?: never }
  : { body: Routes[R]['body'] };

export type Asked<R extends Route> = Params<R> &
  Body<R> & { query?: Record<string, string | number>; ifMatch?: string | null; signal?: AbortSignal };

export interface Answered<R extends Route> {
  answer: Routes[R]['answer'];
  /** The revision of what was answered, where it has one. */
  etag: string | null;
}

/** The host says no, or cannot be reached (status 0). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.message);
  }
}

const problem = (code: Problem['code'], message: string, hint: string | null = null): Problem => ({
  code,
  message,
  hint,
  details: null,
  request_id: null,
});

/** The host cannot be reached. */
export const unreachable = (message: string): Refusal =>
  new Refusal(0, problem('unknown', message, 'is it running, and can this machine reach it?'));

/** What cannot be asked for, as the host would say it. */
export const refusal = (message: string, hint: string): Refusal => new Refusal(0, problem('bad-request', message, hint));

/** What a thrown thing says to people. */
export const problemOf = (error: unknown): Problem =>
  error instanceof Refusal ? error.problem : problem('internal', String(error));

export function address(path: string, params: Record<string, string | number> = {}): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
}

export async function call<R extends Route>(route: R, asked: Asked<R>): Promise<Answered<R>> {
  const [method, path] = route.split(' ') as [string, string];
  const query = new URLSearchParams(Object.entries(asked.query ?? {}).map(([name, value]) => [name, String(value)]));
  const headers: Record<string, string> = { ...authorization() };
  if (asked.body !== undefined) headers['content-type'] = 'application/json';
  if (asked.ifMatch) headers['if-match'] = asked.ifMatch;
  const response = await send(address(path, asked.params) + (query.size > 0 ? `?${query}` : ''), {
    method,
    headers,
    ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
    ...(asked.signal ? { signal: asked.signal } : {}),
  });
  const answer = response.status === 204 ? undefined : await response.json();
  return { answer, etag: response.headers.get('etag') };
}

type ListRoute = 'GET /v1/vms' | 'GET /v1/pools' | 'GET /v1/events' | 'GET /v1/operations' | 'GET /v1/alarm-rules';
type Item<R extends ListRoute> = Routes[R]['answer']['items'][number];

/** All of a list, page by page. */
export async function all<R extends ListRoute>(route: R, stop?: AbortSignal, query: Record<string, string> = {}): Promise<Item<R>[]> {
  const items: Item<R>[] = [];
  let cursor: string | null = null;
  do {
    const asked: Asked<ListRoute> = { query: { ...query, ...(cursor === null ? {} : { cursor }) }, ...(stop ? { signal: stop } : {}) };
    const { answer }: Answered<ListRoute> = await call(route as ListRoute, asked);
    items.push(...(answer.items as Item<R>[]));
    cursor = answer.next;
  } while (cursor !== null);
  return items;
}

/** Sends a request with the token; what is not good is thrown as a `Refusal`. */
export async function send(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { cache: 'no-store', ...init }).catch((error: unknown) => {
    if (init.signal?.aborted) throw error;
    throw unreachable('the host does not answer');
  });
  if (response.ok) return response;
  if (response.status === 401) refused.value = true;
  const said: unknown = await response.json().catch(() => null);
  const known = typeof said === 'object' && said !== null && 'message' in said && 'code' in said;
  throw new Refusal(
    response.status,
    known ? (said as Problem) : problem('internal', `the host answered ${response.status}`),
  );
}
