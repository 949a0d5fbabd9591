// A VM is registered, and started if wished.

import { useState } from 'preact/hooks';
import type { Problem } from '../../api/schema.ts';
import { call, problemOf } from '../../api/call.ts';
import { Dialog } from '../../parts/Dialog.tsx';
import { VmFields } from '../../parts/VmFields.tsx';
import { Failed } from '../../parts/Waiting.tsx';
import { start } from '../../state/commands.ts';
import { model, reloadVms } from '../../state/host.ts';
import { tell } from '../../state/notices.ts';
import { another, specOf } from '../../state/vmForm.ts';
import { groups } from '../../words/fields.ts';

export function CreateVm({ close }: { close: () => void }) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const [name, setName] = useState('');
  const [typed, setTyped] = useState(() => another(model.value?.vms.filter(({ power }) => power !== 'unreadable').at(-1)));
  const [starts, setStarts] = useState(true);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    try {
      const spec = specOf(name, typed);
      await call('POST /v1/vms', { body: spec });
      tell(`${spec.name} is created.`);
      reloadVms();
      close();
      if (starts) await start(spec.name);
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  const [first, ...others] = groups;
  return (
    <Dialog title="Create a virtual machine" close={close}>
      <form onSubmit={(event) => void submit(event)}>
        <label class="field">
          <span>Name</span>
          <input
            value={name}
            required
            pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,62}"
            spellcheck={false}
            autocomplete="off"
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        {first && <VmFields names={first.names} typed={typed} change={setTyped} />}
        {others.map(({ title, names }) => (
          // What is wrong in it is to be seen.
          <details key={title} class="group" onInvalidCapture={(event) => (event.currentTarget.open = true)}>
            <summary>{title}</summary>
            <VmFields names={names} typed={typed} change={setTyped} />
          </details>
        ))}
        <label class="check">
          <input type="checkbox" checked={starts} onChange={(event) => setStarts(event.currentTarget.checked)} />
          Start it
        </label>
        {problem && <Failed problem={problem} />}
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
