// Editing of a VM, as of the revision that was read: who was too slow is told so, and chooses.

import { useEffect, useState } from 'preact/hooks';
import type { Problem, Vm, VmChange } from '../../api/schema.ts';
import { call, problemOf, Refusal } from '../../api/call.ts';
import { changes, isEmpty, rebase } from '../../state/edits.ts';
import { model, reloadVms } from '../../state/host.ts';
import { useLoaded } from '../../state/loaded.ts';
import { lastChange } from '../../state/model.ts';
import { tell } from '../../state/notices.ts';

export interface Read {
  vm: Vm;
  etag: string | null;
  /** Of two, that of the higher turn was asked for later. */
  turn: number;
}

let turns = 0;

export async function read(name: string, signal?: AbortSignal): Promise<Read> {
  turns += 1;
  const turn = turns;
  const { answer, etag } = await call('GET /v1/vms/{name}', { params: { name }, ...(signal ? { signal } : {}) });
  return { vm: answer, etag, turn };
}

/** A VM as it was read first and last: anew when somebody changes what is edited of it. */
export function useRead<Draft>(vm: Vm, draftOf: (vm: Vm) => Draft): { first: Read | null; newest: Read | null; problem: Problem | null; again: () => void } {
  // Events tell, as the list of VMs may never have had what was changed and changed back. What was changed in a file, only the list has.
  const change = lastChange(model.value?.events ?? [], vm.name);
  const { value, problem, again } = useLoaded(`${vm.name} ${change} ${JSON.stringify(draftOf(vm))}`, (stop) => read(vm.name, stop));
  const [first, setFirst] = useState<Read | null>(null);
  useEffect(() => {
    if (value) setFirst((before) => before ?? value);
  }, [value]);
  return { first, newest: value, problem, again };
}

/** What is edited of a VM. */
export interface Edit<Draft> {
  was: Draft;
  draft: Draft;
  setDraft: (draft: Draft) => void;
  /** What of it is edited. */
  change: Partial<Draft>;
  edited: boolean;
  busy: boolean;
  /** Why it was refused. */
  problem: Problem | null;
  /** What somebody else has made of it meanwhile. */
  theirs: Draft | null;
  apply: () => Promise<void>;
  takeTheirs: () => void;
  keepMine: () => void;
}

/** `draftOf` says what is edited of a VM, `sent` what is asked for by a change of it; both are pure. */
export function useEdit<Draft extends object>(
  first: Read,
  newest: Read | null,
  draftOf: (vm: Vm) => Draft,
  sent: (change: Partial<Draft>) => VmChange,
): Edit<Draft> {
  const [base, setBase] = useState(first);
  const [draft, setDraft] = useState(() => draftOf(first.vm));
  const [theirs, setTheirs] = useState<Read | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const was = draftOf(base.vm);
  const change = changes(was, draft);
  const edited = !isEmpty(change);
  const { name } = base.vm;

  const take = (read: Read, made: Draft): void => {
    setBase(read);
    setDraft(made);
    setTheirs(null);
    setProblem(null);
  };

  // Who has edited nothing, or does not any more, sees what others do; who has is told when he applies. What was read before an edit
  // was applied must not come back after it, so that turns count.
  useEffect(() => {
    if (newest && !edited && newest.turn > base.turn && newest.etag !== base.etag) take(newest, draftOf(newest.vm));
  }, [newest, edited]);

  const apply = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    turns += 1;
    const turn = turns;
    try {
      const { answer, etag } = await call('PATCH /v1/vms/{name}', { params: { name }, body: sent(change), ifMatch: base.etag });
      const vm = { ...base.vm, ...answer };
      take({ vm, etag, turn }, draftOf(vm));
      tell(`${name} is changed.`);
      reloadVms();
    } catch (error) {
      if (error instanceof Refusal && error.status === 412) {
        await read(name).then(setTheirs, (failed: unknown) => setProblem(problemOf(failed)));
      } else setProblem(problemOf(error));
    }
    setBusy(false);
  };

  return {
    was,
    draft,
    setDraft,
    change,
    edited,
    busy,
    problem,
    theirs: theirs && draftOf(theirs.vm),
    apply,
    takeTheirs: () => theirs && take(theirs, draftOf(theirs.vm)),
    keepMine: () => theirs && take(theirs, rebase(was, draft, draftOf(theirs.vm))),
  };
}
