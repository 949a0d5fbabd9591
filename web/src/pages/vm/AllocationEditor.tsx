// A VM's reservation, limit and shares: edited with sliders, with what would happen to everyone shown at once.

import type { Vm } from '../../api/schema.ts';
import { size } from '../../format/size.ts';
import { Failed } from '../../parts/Waiting.tsx';
import { allocationOf, type Allocation } from '../../state/allocation.ts';
import { fields } from '../../words/fields.ts';
import { AllocationFields } from './AllocationFields.tsx';
import { useEdit, useRead, type Read } from './edit.ts';
import { EditEnd } from './EditEnd.tsx';
import { WhatIfView } from './WhatIfView.tsx';

export function AllocationEditor({ vm }: { vm: Vm }) {
  const { first, newest, problem, again } = useRead(vm, allocationOf);
  if (problem && !first) return <Failed problem={problem} again={again} />;
  if (!first) return <div class="card ghost wide" />;
  return <Editor vm={vm} first={first} newest={newest} />;
}

function Editor({ vm, first, newest }: { vm: Vm; first: Read; newest: Read | null }) {
  const edit = useEdit<Allocation>(first, newest, allocationOf, (change) => change);
  // Enter in a field takes what is typed there, and applies nothing yet: the fields are not the form's.
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void edit.apply();
  };
  return (
    <div class="columns">
      <section class="card" aria-labelledby="allocation-title">
        <h2 id="allocation-title">Its claim on machine memory</h2>
        <AllocationFields allocation={edit.draft} size={vm.memory_bytes} change={edit.setDraft} />
        <form onSubmit={submit}>
          <EditEnd edit={edit} told="To apply what you try here" label={(field) => fields[field].label} shown={shown} />
        </form>
      </section>
      <WhatIfView name={vm.name} running={vm.power === 'running'} change={edit.change} />
    </div>
  );
}

function shown(allocation: Allocation, field: keyof Allocation): string {
  const value = allocation[field];
  if (field === 'shares') return String(value);
  return typeof value === 'number' ? size(value) : 'no limit';
}
