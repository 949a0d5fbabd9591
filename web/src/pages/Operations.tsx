// What takes long: how it is going, and what came of it.

import type { Operation } from '../api/schema.ts';
import { all } from '../api/call.ts';
import { duration, moment, percent, sentence } from '../format/text.ts';
import { size } from '../format/size.ts';
import { Empty, Failed } from '../parts/Waiting.tsx';
import { ExplainedButton } from '../parts/Term.tsx';
import { deeds } from '../words/figures.ts';
import { Needs } from '../parts/Needs.tsx';
import { may } from '../state/caller.ts';
import { auditHost, cancel } from '../state/commands.ts';
import { useLoaded } from '../state/loaded.ts';
import { link } from '../state/route.ts';

const PERIOD = 1000;

export function Operations() {
  const { value, problem, again } = useLoaded(
    'operations',
    (stop) => all('GET /v1/operations', stop),
    PERIOD,
  );
  const found = [...(value ?? [])].sort((a, b) => b.id - a.id);
  return (
    <section class="card" aria-labelledby="operations-title">
      <header class="chart-head">
        <h1 id="operations-title">
          Operations <span class="tally">{found.length}</span>
        </h1>
        <Needs role="operate">
          <ExplainedButton says={deeds.auditAll} press={() => void auditHost().then(again)}>
            Check all invariants
          </ExplainedButton>
        </Needs>
      </header>
      {problem && <Failed problem={problem} again={again} />}
      {!value && !problem && <div class="ghost wide" />}
      {value?.length === 0 && <Empty>Nothing that takes long was done yet: no start, stop, unswap or audit.</Empty>}
      {found.length > 0 && (
        <div class="scroll" tabIndex={0} role="group" aria-labelledby="operations-title">
          <table>
            <thead>
              <tr>
                <th scope="col">What</th>
                <th scope="col">VM</th>
                <th scope="col">State</th>
                <th scope="col">Progress</th>
                <th scope="col">Begun</th>
                <th scope="col">What came of it</th>
              </tr>
            </thead>
            <tbody>
              {found.map((operation) => (
                <Row key={operation.id} operation={operation} changed={again} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({ operation, changed }: { operation: Operation; changed: () => void }) {
  const { id, kind, vm, state, progress, done_bytes, total_bytes, started_at_milliseconds: began, ended_at_milliseconds: end } = operation;
  const name = `${kind} of ${vm ?? 'the host'}`;
  return (
    <tr>
      <th scope="row">{sentence(kind)}</th>
      <td>{vm ? <a href={link('vms', vm)}>{vm}</a> : 'the host'}</td>
      <td>
        <span class={`pill operation-${state}`}>{state}</span>
      </td>
      <td>
        {state === 'running' ? (
          <>
            <progress aria-label={`Progress of ${name}`} {...(progress === null ? {} : { value: progress })} max={1} />{' '}
            <span class="number hint">
              {progress === null ? '' : percent(progress)} {total_bytes === null ? '' : `${size(done_bytes)} of ${size(total_bytes)}`}
            </span>{' '}
            {operation.cancellable && may('operate') && (
              <button type="button" aria-label={`Cancel ${name}`} onClick={() => void cancel(id).then(changed)}>
                Cancel
              </button>
            )}
          </>
        ) : (
          <span class="number">{end === null ? '' : `took ${end - began < 1000 ? `${end - began} ms` : duration((end - began) / 1000)}`}</span>
        )}
      </td>
      <td class="number">{moment(began)}</td>
      <td>{operation.problem?.message ?? operation.message ?? (operation.waiting ? `waits for ${operation.waiting}` : '')}</td>
    </tr>
  );
}
