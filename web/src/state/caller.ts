// Who uses this page, as the host knows them: what they may not do is not offered.

import { signal } from '@preact/signals';
import { call } from '../api/call.ts';
import type { Caller, Role } from '../api/schema.ts';

export const caller = signal<Caller | null>(null);

const roles: readonly Role[] = ['view', 'operate', 'administer'];

/** Until it is known what they may, the host is left to refuse. */
export const may = (least: Role): boolean =>
  caller.value === null || roles.indexOf(caller.value.role) >= roles.indexOf(least);

export async function loadCaller(signal: AbortSignal): Promise<void> {
  caller.value = (await call('GET /v1/whoami', { signal })).answer;
}
