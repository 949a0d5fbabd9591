// What a VM is and boots, and how its memory is shared and reclaimed. What it may hold, how its addresses are translated and when it
// is started have pages of their own.

import type { Vm } from '../../api/schema.ts';
import { VmFields } from '../../parts/VmFields.tsx';
import { Empty, Failed } from '../../parts/Waiting.tsx';
import { may } from '../../state/caller.ts';
import { sent, typedOf, type Typed } from '../../state/vmForm.ts';
import { fields, groups, type FieldName } from '../../words/fields.ts';
import { powers } from '../../words/values.ts';
import { useEdit, useRead, type Read } from './edit.ts';
import { EditEnd } from './EditEnd.tsx';

const mine = groups.filter(({ on }) => on === 'settings');
const names = mine.flatMap((group) => group.names);
const settingsOf = (vm: Vm): Typed => typedOf(vm, names);

export function VmSettings({ vm }: { vm: Vm }) {
  const { first, newest, problem, again } = useRead(vm, settingsOf);
  if (vm.power === 'unreadable') return <Empty>{powers.unreadable}</Empty>;
  if (problem && !first) return <Failed problem={problem} again={again} />;
  if (!first) return <div class="card ghost wide" />;
  return <Editor first={first} newest={newest} stopped={vm.power === 'stopped'} />;
}

function Editor({ first, newest, stopped }: { first: Read; newest: Read | null; stopped: boolean }) {
  const edit = useEdit<Typed>(first, newest, settingsOf, sent);
  const fixed = (name: FieldName): boolean => !may('administer') || (fields[name].stopped === true && !stopped);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void edit.apply();
  };
  return (
    <form class="edit" onSubmit={submit}>
      {!stopped && (
        <p class="hint told">Memory, processors, what it boots and the swap directory can be changed while it is stopped.</p>
      )}
      <div class="columns even">
        {mine.map((group) => (
          <section key={group.title} class="card" aria-label={group.title}>
            <h2>{group.title}</h2>
            <VmFields names={group.names} typed={edit.draft} change={edit.setDraft} fixed={fixed} />
          </section>
        ))}
      </div>
      <EditEnd edit={edit} told="To change this" label={(name) => fields[name].label} shown={(typed, name) => typed[name] || (fields[name].none ?? '–')} />
    </form>
  );
}
