// A VM's reservation, limit and shares: edited with sliders, with what would happen to everyone shown at once.

import { useEffect, useState } from 'preact/hooks';
import type { Vm } from '../../api/schema.ts';
import { call, problemOf, Refusal } from '../../api/call.ts';
import { Failed } from '../../parts/Waiting.tsx';
import { Needs } from '../../parts/Needs.tsx';
import { allocationOf, changes, isEmpty, rebase, type Allocation } from '../../state/allocation.ts';
import { findVm, reloadVms } from '../../state/host.ts';
import { complain, tell } from '../../state/notices.ts';
import { useLoaded } from '../../state/loaded.ts';
import { AllocationFields } from './AllocationFields.tsx';
import { Conflict } from './Conflict.tsx';
import { WhatIfView } from './WhatIfView.tsx';

interface Read {
  vm: Vm;
  etag: string | null;
}

async function read(name: string, signal?: AbortSignal): Promise<Read> {
  const { answer, etag } = await call('GET /v1/vms/{name}', { params: { name }, ...(signal ? { signal } : {}) });
  return { vm: answer, etag };
}

export function AllocationEditor({ name }: { name: string }) {
  // Asked for anew when somebody changes the VM.
  const known = findVm(name);
  const version = known ? JSON.stringify(allocationOf(known)) : '';
  const { value, problem, again } = useLoaded(`${name} ${version}`, (stop) => read(name, stop));
  const [first, setFirst] = useState<Read | null>(null);
  useEffect(() => {
    if (value) setFirst((before) => before ?? value);
  }, [value]);
  if (problem && !first) return <Failed problem={problem} again={again} />;
  if (!first) return <div class="card ghost wide" />;
  return <Editor first={first} newest={value} />;
}

function Editor({ first, newest }: { first: Read; newest: Read | null }) {
  const [base, setBase] = useState(first);
  const [draft, setDraft] = useState(allocationOf(first.vm));
  const [theirs, setTheirs] = useState<Read | null>(null);
  const [busy, setBusy] = useState(false);
  const was = allocationOf(base.vm);
  const change = changes(was, draft);
  const edited = !isEmpty(change);
  const { name, memory_bytes: size } = base.vm;

  // Who has edited nothing sees what others do, when it is read; who has is told when he applies. What was read before an edit was
  // applied must not come back after it, so that only a new reading counts.
  useEffect(() => {
    if (newest && !edited && newest.etag !== base.etag) take(newest, allocationOf(newest.vm));
  }, [newest]);

  const take = (read: Read, allocation: Allocation): void => {
    setBase(read);
    setDraft(allocation);
    setTheirs(null);
  };

  const apply = async (): Promise<void> => {
    setBusy(true);
    try {
      const { answer, etag } = await call('PATCH /v1/vms/{name}', { params: { name }, body: change, ifMatch: base.etag });
      take({ vm: { ...base.vm, ...answer }, etag }, allocationOf(answer));
      tell(`${name} is changed.`);
      reloadVms();
    } catch (error) {
      if (error instanceof Refusal && error.status === 412) {
        await read(name).then(setTheirs, (failed: unknown) => complain(problemOf(failed)));
      } else complain(problemOf(error));
    }
    setBusy(false);
  };

  return (
    <div class="columns">
      <section class="card" aria-labelledby="allocation-title">
        <h2 id="allocation-title">Its claim on machine memory</h2>
        <AllocationFields allocation={draft} size={size} change={setDraft} />
        {theirs && (
          <Conflict
            was={was}
            theirs={allocationOf(theirs.vm)}
            takeTheirs={() => take(theirs, allocationOf(theirs.vm))}
            keepMine={() => take(theirs, rebase(was, draft, allocationOf(theirs.vm)))}
          />
        )}
        <Needs role="administer" told="To apply what you try here">
          <div class="actions">
            <button type="button" class="primary" disabled={!edited || busy || theirs !== null} onClick={() => void apply()}>
              {busy ? 'Applying…' : 'Apply'}
            </button>
            <button type="button" disabled={!edited || busy} onClick={() => setDraft(was)}>
              Reset
            </button>
          </div>
        </Needs>
      </section>
      <WhatIfView name={name} running={findVm(name)?.power === 'running'} change={change} />
    </div>
  );
}
