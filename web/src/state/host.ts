// The host as the page knows it: one model, kept up by the stream; histories beside it.

import { computed, signal } from '@preact/signals';
import type { Event, HostStatus, Metrics, StreamSnapshot, Vm } from '../api/schema.ts';
import { all } from '../api/call.ts';
import { follow } from '../api/stream.ts';
import { refused } from '../api/session.ts';
import { Anew } from './anew.ts';
import { loadCaller } from './caller.ts';
import { activeOf, isSampled, machineUses, pagesOf, pageStates, usesOf } from './composition.ts';
import { History } from './history.ts';
import { afterEvent, afterSnapshot, afterStatus, mergeEvents, staleAfter, type Model } from './model.ts';
import { announce } from './notices.ts';

export type Connection = { is: 'connecting' } | { is: 'live' } | { is: 'lost'; why: string; since: number };

export const connection = signal<Connection>({ is: 'connecting' });
export const model = signal<Model | null>(null);
/** Rises with each sample of the histories. */
export const sampled = signal(0);

export const vms = computed(() => model.value?.vms ?? []);
export const findVm = (name: string): Vm | undefined => vms.value.find((vm) => vm.name === name);

const states = pageStates.map(([key]) => key);
const uses = machineUses.map(([key]) => key);
const machineFields = uses.map((use) => `machine_${use}` as const);
const figures = [
  'consumed_bytes',
  'entitlement_bytes',
  'active_bytes',
  'swap_in_bytes_per_second',
  'swap_out_bytes_per_second',
  'compressed_bytes_per_second',
  'decompressed_bytes_per_second',
] as const satisfies readonly (keyof Metrics)[];
export type Figure = (typeof figures)[number];

const figuresOf = (metrics: Metrics, isMeasured: boolean) => {
  const taken = Object.fromEntries(figures.map((figure) => [figure, metrics[figure]])) as Record<Figure, number>;
  // What the host has assumed until it has measured is not drawn.
  return isMeasured ? taken : { ...taken, active_bytes: Number.NaN };
};

const newVmHistory = () => new History([...states, ...figures]);
export type VmHistory = ReturnType<typeof newVmHistory>;

export const hostHistory = new History([...machineFields, ...figures]);
const histories = new Map<number, VmHistory>();

/** Of this run of a VM; empty at first. */
export function historyOf(id: number): VmHistory {
  const found = histories.get(id) ?? newVmHistory();
  histories.set(id, found);
  return found;
}

function record(status: HostStatus): void {
  const time = status.at_milliseconds / 1000;
  const used = usesOf(status.ledger);
  const machine = Object.fromEntries(uses.map((use) => [`machine_${use}`, used[use]]));
  const sums = figuresOf(status.sums, activeOf(status).missing === 0);
  hostHistory.add(time, { ...machine, ...sums } as Parameters<typeof hostHistory.add>[1]);
  for (const vm of status.vms) historyOf(vm.id).add(time, { ...pagesOf(vm), ...figuresOf(vm, isSampled(vm)) });
  const alive = new Set(status.vms.map((vm) => vm.id));
  for (const id of histories.keys()) if (!alive.has(id)) histories.delete(id);
  sampled.value += 1;
}

const vmsAnew = new Anew(
  () => all('GET /v1/vms'),
  (found) => {
    if (model.value) model.value = { ...model.value, vms: found };
  },
);
const poolsAnew = new Anew(
  () => all('GET /v1/pools'),
  (found) => {
    if (model.value) model.value = { ...model.value, pools: found };
  },
);

/** Asks for the VMs anew: after a command, without waiting for the stream to tell. */
export const reloadVms = (): void => vmsAnew.soon();
export const reloadPools = (): void => poolsAnew.soon();
/** The same for who goes on only when the model has what was done. */
export const newestVms = (): Promise<void> => vmsAnew.now();

/** What happened before the page was there. */
async function loadEvents(): Promise<void> {
  const found = await all('GET /v1/events', undefined, { decisions: 'true' });
  if (model.value) model.value = { ...model.value, events: mergeEvents(found, model.value.events) };
}

function setStatus(status: HostStatus): void {
  const before = model.value;
  if (!before) return;
  if (before.status.state !== status.state) announce(`The host’s state is ${status.state}.`);
  model.value = afterStatus(before, status);
  record(status);
}

function setSnapshot(snapshot: StreamSnapshot): void {
  model.value = afterSnapshot(snapshot);
  vmsAnew.outdate();
  poolsAnew.outdate();
  record(snapshot.status);
  void loadEvents().catch(() => undefined);
}

function addEvent(event: Event): void {
  if (!model.value) return;
  if (event.event === 'alarm-raised') announce(`${event.severity} alarm: ${event.text}.`);
  model.value = afterEvent(model.value, event);
  const stale = staleAfter(event);
  if (stale === 'vms') reloadVms();
  if (stale === 'pools') reloadPools();
}

/** Follows the host until `stop` is aborted. */
export function watchHost(stop: AbortSignal): void {
  connection.value = { is: 'connecting' };
  // Without an answer everything is offered, and the host refuses.
  void loadCaller(stop).catch(() => undefined);
  void follow(
    {
      connected() {
        if (connection.value.is === 'lost') announce('Connected to the host again.');
        connection.value = { is: 'live' };
      },
      lost(why) {
        if (connection.value.is === 'live') announce('The connection to the host is lost.');
        const since = connection.value.is === 'lost' ? connection.value.since : Date.now();
        if (!refused.value) connection.value = { is: 'lost', why, since };
      },
      snapshot: setSnapshot,
      status: setStatus,
      event: addEvent,
    },
    stop,
  );
}
