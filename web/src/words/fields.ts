// What is set for a VM, by its names in the interface: what each field is called and means, and how it is typed. Forms are made of this.
// A field that the interface gets does not compile until it is here.

import type { VmChange } from '../api/schema.ts';
import { vm } from './figures.ts';
import { afterwards, autostarts, techniques } from './values.ts';

export type FieldName = keyof VmChange;

export interface Field {
  label: string;
  says: string;
  /** How it is typed; a record is what it may be, each with a word. */
  kind: 'text' | 'size' | 'number' | 'yes-or-no' | 'shares' | 'pool' | Readonly<Record<string, string>>;
  /** What it is if nothing is typed; where there is none, something has to be typed. */
  none?: string;
  /** A number's bounds. */
  from?: number;
  to?: number;
  /** It cannot be changed while the VM runs. */
  stopped?: true;
}

/** Each key's first word. */
const firsts = (of: Record<string, readonly [string, string]>): Record<string, string> =>
  Object.fromEntries(Object.entries(of).map(([key, [word]]) => [key, word]));

export const fields: Readonly<Record<FieldName, Field>> = {
  memory_bytes: { label: 'Memory', says: 'Memory that its guest believes to have: whole MiB, from 16 MiB to 256 GiB.', kind: 'size', stopped: true },
  cpus: { label: 'Processors', says: 'Virtual processors, 1 to 8.', kind: 'number', from: 1, to: 8, stopped: true },
  kernel: { label: 'Kernel, a file on the host', says: 'A RISC-V Linux Image, gzipped or not; its path from / on.', kind: 'text', stopped: true },
  initrd: { label: 'Initial file system, a file on the host', says: 'A cpio archive, compressed or not; its path from / on.', kind: 'text', none: 'none', stopped: true },
  append: {
    label: 'Kernel command line',
    says: 'What the kernel is told when it boots. With console=ttyS0 the console shows what the guest says.',
    kind: 'text',
    none: 'nothing',
    stopped: true,
  },
  pool: { label: 'Resource pool', says: vm.pool, kind: 'pool', none: 'none, on the host itself' },
  reservation_bytes: { label: 'Reservation', says: vm.reservation, kind: 'size' },
  limit_bytes: { label: 'Limit', says: vm.limit, kind: 'size', none: 'no limit' },
  shares: { label: 'Shares', says: vm.shares, kind: 'shares' },
  balloon_max_bytes: {
    label: 'Balloon, at most',
    says: 'How large its balloon may get. What is to be taken back beyond that is compressed and swapped; with 0, all but a cushion of 1 to 4 MiB for a guest that reports free memory.',
    kind: 'size',
    none: 'as the setting Mem.CtlMaxPercent says',
  },
  zip: { label: 'Compression', says: 'Whether its pages are compressed before they are swapped, if the setting Mem.MemZipEnable allows it.', kind: 'yes-or-no' },
  swap_dir: {
    label: 'Swap directory on the host',
    says: 'The directory that its swap file is made in, which has to be there; its path from / on.',
    kind: 'text',
    none: 'the host’s own',
    stopped: true,
  },
  sharing: { label: 'Page sharing', says: 'Whether its pages are looked through for equal ones, to keep those in one frame.', kind: 'yes-or-no' },
  salt: {
    label: 'Sharing group (salt)',
    says: 'VMs with the same salt may share pages, as the setting Mem.ShareForceSalting has it. A new one counts from the next start.',
    kind: 'text',
    none: 'no salt',
  },
  mmu: { label: 'Translation of addresses', says: 'By shadow page tables in software, by walks of two stages in hardware, or by whichever costs less.', kind: firsts(techniques) },
  autostart: { label: 'Starts with the host', says: 'As it was: if it was on when the host ended. Always: in any case. Never: somebody starts it.', kind: firsts(autostarts) },
  autostart_order: { label: 'Order', says: 'Its turn among those that start with the host, the lowest first.', kind: 'number', from: 0, to: 4_294_967_295, none: 'after those that have one' },
  autostart_delay_seconds: { label: 'Delay, in seconds', says: 'What passes after it has started, before the next one’s turn.', kind: 'number', from: 0, to: 3600 },
  on_reboot: { label: 'When its guest reboots', says: 'What is done about the VM then.', kind: afterwards },
  on_panic: { label: 'When its guest panics', says: 'What is done about the VM then.', kind: afterwards },
};

/** The page of a VM on which its fields are changed. */
export type EditedOn = 'settings' | 'allocation' | 'mmu' | 'power';

interface Group {
  title: string;
  on: EditedOn;
  names: readonly FieldName[];
}

/** All fields, as people look for them. */
export const groups: readonly Group[] = [
  { title: 'What it is, and what it boots', on: 'settings', names: ['memory_bytes', 'cpus', 'kernel', 'initrd', 'append', 'pool'] },
  { title: 'Its claim on machine memory', on: 'allocation', names: ['reservation_bytes', 'limit_bytes', 'shares'] },
  { title: 'Sharing and reclaiming its memory', on: 'settings', names: ['sharing', 'salt', 'balloon_max_bytes', 'zip', 'swap_dir'] },
  { title: 'Translation of addresses', on: 'mmu', names: ['mmu'] },
  { title: 'When it is started by itself', on: 'power', names: ['autostart', 'autostart_order', 'autostart_delay_seconds', 'on_reboot', 'on_panic'] },
];
