// What a change would do to everyone, asked of the host while it is being edited.

import { useEffect, useState } from 'preact/hooks';
import type { Problem, Shift, VmShift, WhatIf } from '../../api/schema.ts';
import { call, problemOf } from '../../api/call.ts';
import { difference, exact, size } from '../../format/size.ts';
import { Empty, Failed } from '../../parts/Waiting.tsx';
import { StatePill } from '../../parts/State.tsx';
import { Table, type Column } from '../../parts/Table.tsx';
import { whatIf } from '../../words/figures.ts';
import type { Allocation } from '../../state/allocation.ts';
import { isEmpty } from '../../state/edits.ts';

/** How long a hand has to rest. */
const REST = 100;
/** The host goes on meanwhile, and the answer with it. */
const AGAIN = 1000;

interface Props {
  name: string;
  running: boolean;
  change: Partial<Allocation>;
}

export function WhatIfView({ name, running, change }: Props) {
  const [imagined, setImagined] = useState<WhatIf | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const key = JSON.stringify(change);
  const asks = running && !isEmpty(change);
  useEffect(() => {
    if (!asks) {
      setImagined(null);
      setProblem(null);
      return undefined;
    }
    const stop = new AbortController();
    const ask = async (): Promise<void> => {
      try {
        const { answer } = await call('POST /v1/what-if', { body: { edit: 'vm', name, ...change }, signal: stop.signal });
        setImagined(answer);
        setProblem(null);
      } catch (error) {
        if (!stop.signal.aborted) setProblem(problemOf(error));
      }
      if (!stop.signal.aborted) timer = setTimeout(() => void ask(), AGAIN);
    };
    let timer = setTimeout(() => void ask(), REST);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [name, key, asks]);
  return (
    <section class="card what-if" aria-labelledby="what-if-title">
      <h2 id="what-if-title">What would happen</h2>
      {!running && <Empty>It does not run: what is set now counts from its next start.</Empty>}
      {running && !asks && <Empty>Move a slider, and see what it would do to every VM before it is done.</Empty>}
      {problem && <Failed problem={problem} />}
      {imagined && !problem && <Outcome outcome={imagined} />}
      {asks && !imagined && !problem && <div class="ghost wide" />}
    </section>
  );
}

function Outcome({ outcome }: { outcome: WhatIf }) {
  return (
    <>
      {outcome.refusal && (
        <div class="banner bad" role="status">
          <strong>It would be refused.</strong> {outcome.refusal}
        </div>
      )}
      <p>
        State of memory: <StatePill state={outcome.state_before} />
        {outcome.state_after !== outcome.state_before && (
          <>
            {' → '}
            <StatePill state={outcome.state_after} />
          </>
        )}
      </p>
      {outcome.vms.length === 0 ? <Empty>Nothing would be different for any VM.</Empty> : (
        <Table label={{ text: 'What would be different for each VM' }} columns={shiftColumns} rows={outcome.vms} rowKey={(vm, index) => vm.name ?? index} />
      )}
    </>
  );
}

const shift = (head: string, says: string, of: (vm: VmShift) => Shift): Column<VmShift> => ({
  head,
  says,
  figures: true,
  cell: (vm) => <Shifted shift={of(vm)} />,
});

const shiftColumns: readonly Column<VmShift>[] = [
  { head: 'VM', cell: (vm) => vm.name ?? 'the new one' },
  shift('Entitled', whatIf.entitlement, (vm) => vm.entitlement),
  shift('Worst case', whatIf.worstCase, (vm) => vm.worst_case),
  shift('Balloon', whatIf.balloon, (vm) => vm.balloon_target),
  shift('Out', whatIf.out, (vm) => vm.swap_target),
];

function Shifted({ shift: { before_bytes, after_bytes } }: { shift: Shift }) {
  const by = after_bytes - before_bytes;
  return (
    <span title={`${exact(before_bytes)} → ${exact(after_bytes)}`}>
      {size(after_bytes)}
      <span class={`shift ${by > 0 ? 'more' : by < 0 ? 'less' : 'same'}`}>{by === 0 ? 'as it is' : difference(by)}</span>
    </span>
  );
}
