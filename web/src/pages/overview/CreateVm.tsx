// A VM is registered, and started if wished.

import { useState } from 'preact/hooks';
import type { Problem, VmSpec } from '../../api/schema.ts';
import { call, problemOf } from '../../api/call.ts';
import { parseSize } from '../../format/size.ts';
import { Dialog } from '../../parts/Dialog.tsx';
import { Failed } from '../../parts/Waiting.tsx';
import { start } from '../../state/commands.ts';
import { model, reloadVms } from '../../state/host.ts';
import { tell } from '../../state/notices.ts';

const SIZE = '\\s*\\d+(\\.\\d+)?\\s*([KkMmGgTt]([Ii]?[Bb])?|[Bb])?\\s*';

function specOf(form: FormData): VmSpec {
  const text = (name: string): string => String(form.get(name) ?? '').trim();
  return {
    name: text('name'),
    memory_bytes: parseSize(text('memory')) ?? 0,
    cpus: Number(text('cpus')),
    kernel: text('kernel'),
    ...(text('initrd') ? { initrd: text('initrd') } : {}),
    append: text('append'),
    ...(text('pool') ? { pool: text('pool') } : {}),
  };
}

export function CreateVm({ close }: { close: () => void }) {
  const [problem, setProblem] = useState<Problem | null>(null);
  // Most VMs of a host are alike.
  const like = model.value?.vms.at(-1);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const spec = specOf(form);
    try {
      await call('POST /v1/vms', { body: spec });
      tell(`${spec.name} is created.`);
      reloadVms();
      close();
      if (form.get('start')) await start(spec.name);
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  return (
    <Dialog title="Create a virtual machine" close={close}>
      <form onSubmit={(event) => void submit(event)}>
        {problem && <Failed problem={problem} />}
        <Field label="Name" name="name" required pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,62}" />
        <Field label="Memory" name="memory" required value="256 MiB" pattern={SIZE} />
        <Field label="Processors" name="cpus" required value="1" pattern="[1-8]" />
        <Field label="Kernel, a file on the host" name="kernel" required value={like?.kernel} />
        <Field label="Initial file system, a file on the host" name="initrd" value={like?.initrd ?? undefined} />
        <Field label="Kernel command line" name="append" value={like?.append ?? 'console=ttyS0'} />
        <label class="field">
          <span>Resource pool</span>
          <select name="pool">
            <option value="">none, on the host itself</option>
            {(model.value?.pools ?? []).map((pool) => (
              <option key={pool.name} value={pool.name}>
                {pool.name}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input type="checkbox" name="start" defaultChecked />
          Start it
        </label>
        <div class="actions">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Create
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface FieldProps {
  label: string;
  name: string;
  value?: string | undefined;
  required?: boolean;
  pattern?: string;
}

const Field = ({ label, value, ...rest }: FieldProps) => (
  <label class="field">
    <span>{label}</span>
    <input {...rest} type="text" defaultValue={value ?? ''} spellcheck={false} autocomplete="off" />
  </label>
);
