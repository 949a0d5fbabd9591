// What is done to VMs and the host: each says what came of it. What takes long is followed until it ends.

import type { Operation, Routes } from '../api/schema.ts';
import { call, Refusal } from '../api/call.ts';
import { newestVms, reloadVms } from './host.ts';
import { attempt } from './notices.ts';
import { sentence } from '../format/text.ts';

type VmOperation = Extract<keyof Routes, `POST /v1/vms/{name}/${'start' | 'pause' | 'resume' | 'unswap' | 'audit'}`>;

/** Seconds an answer may be waited for; asked again then. */
const PATIENCE = 20;

async function ended(operation: Operation): Promise<string> {
  let now = operation;
  while (now.state === 'running') {
    now = (await call('GET /v1/operations/{id}', { params: { id: now.id }, query: { wait: PATIENCE } })).answer;
  }
  if (now.state !== 'done' && now.problem) throw new Refusal(0, now.problem);
  return sentence(now.message ?? `${now.kind} is ${now.state}`);
}

/** What came of it is said once the model has it: until then a page offers what could be done before. */
const follow = (begin: () => Promise<{ answer: Operation }>): Promise<boolean> =>
  attempt(async () => {
    try {
      const { answer } = await begin();
      reloadVms();
      return await ended(answer);
    } finally {
      await newestVms();
    }
  });

const operate = (route: VmOperation, name: string) => follow(() => call(route, { params: { name } }));

export const start = (name: string) => operate('POST /v1/vms/{name}/start', name);
/** At once, or by asking the guest to shut down. */
export const stop = (name: string, now: boolean) =>
  follow(() => call('POST /v1/vms/{name}/stop', { params: { name }, body: { now } }));
/** At once, or after its guest has shut down. */
export const restart = (name: string, guest: boolean) =>
  follow(() => call('POST /v1/vms/{name}/restart', { params: { name }, body: { guest } }));
export const pause = (name: string) => operate('POST /v1/vms/{name}/pause', name);
export const resume = (name: string) => operate('POST /v1/vms/{name}/resume', name);
export const unswap = (name: string) => operate('POST /v1/vms/{name}/unswap', name);
export const audit = (name: string) => operate('POST /v1/vms/{name}/audit', name);

export const auditHost = () =>
  attempt(async () => ended((await call('POST /v1/audit', {})).answer));

export async function remove(name: string): Promise<boolean> {
  const done = await attempt(async () => {
    await call('DELETE /v1/vms/{name}', { params: { name } });
    return `${name} is removed.`;
  });
  reloadVms();
  return done;
}

export const cancel = (id: number) =>
  attempt(async () => {
    await call('POST /v1/operations/{id}/cancel', { params: { id } });
  });
