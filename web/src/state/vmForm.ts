// A VM's settings as they are typed: from a VM to the texts of a form, and from these to what is sent. Pure.

import type { Shares, VmChange, VmSpec } from '../api/schema.ts';
import { refusal } from '../api/call.ts';
import { parseSize, size } from '../format/size.ts';
import { fields, type FieldName } from '../words/fields.ts';

/** What is typed, by the fields' names in the interface; empty is nothing. */
export type Typed = Partial<Record<FieldName, string>>;

/** What a new VM has, as the host has it where it is not told. */
const usual: Partial<VmSpec> = {
  memory_bytes: 256 * 2 ** 20,
  cpus: 1,
  append: 'console=ttyS0',
  reservation_bytes: 0,
  shares: 'normal',
  sharing: true,
  zip: true,
  mmu: 'automatic',
  autostart: 'last',
  autostart_delay_seconds: 0,
  on_reboot: 'restart',
  on_panic: 'keep',
};

const allNames = Object.keys(fields) as FieldName[];

/** A form for one more VM. Most VMs of a host boot alike. */
export const another = (like: VmSpec | undefined): Typed =>
  typedOf({ ...usual, ...(like && { kernel: like.kernel, initrd: like.initrd ?? null, append: like.append ?? '' }) }, allNames);

/** What a form has of a VM. */
export const typedOf = (spec: Partial<VmSpec>, names: readonly FieldName[]): Typed => Object.fromEntries(names.map((name) => [name, textOf(name, spec[name])]));

function textOf(name: FieldName, value: VmSpec[FieldName] | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return fields[name].kind === 'size' && typeof value === 'number' ? size(value) : String(value);
}

/** What a text stands for in the interface. */
function valueOf(name: FieldName, text: string): string | number | boolean | null {
  const { kind, label, none } = fields[name];
  // A command line is a text, be it empty.
  if (text === '' && none !== undefined && name !== 'append') return null;
  switch (kind) {
    case 'size': {
      const bytes = parseSize(text);
      if (bytes === null) throw refusal(`${label}: '${text}' is no size`, 'write 512 MiB, 1.5 GiB or the like');
      return bytes;
    }
    case 'number':
      return Number(text);
    case 'shares':
      return sharesOf(text);
    case 'yes-or-no':
      return text === 'yes';
    default:
      return text;
  }
}

export const sharesOf = (text: string): Shares => (text === 'low' || text === 'normal' || text === 'high' ? text : Number(text));

/** What is sent of what is typed. Throws a refusal if something cannot be read. */
export const sent = (typed: Typed): VmChange =>
  Object.fromEntries(Object.entries(typed).map(([name, text]) => [name, valueOf(name as FieldName, text.trim())]));

/** A new VM. What nothing is typed for is left out: it is as by default. Throws as `sent` does. */
export function specOf(name: string, typed: Typed): VmSpec {
  const given = Object.entries(sent(typed)).filter(([, value]) => value !== null);
  return { name: name.trim(), ...Object.fromEntries(given) } as VmSpec;
}
