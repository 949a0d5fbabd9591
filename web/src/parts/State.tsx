import type { HostState, Power, StateSeconds } from '../api/schema.ts';
import { percent } from '../format/text.ts';
import { states } from '../state/hostState.ts';
import { host } from '../words/figures.ts';
import { hostStates, powers, remedies } from '../words/values.ts';
import { Term } from './Term.tsx';

/** The host's state: as a word, and as steps for those who do not see its colour. */
export const StatePill = ({ state }: { state: HostState }) => (
  <span class={`pill state-${state}`}>
    <StateSteps state={state} />
  </span>
);

/** The same, which says what it means. */
interface ExplainedStateProps {
  state: HostState;
  /** How long the host was in each state, to be told as well. */
  spent?: StateSeconds;
}

export const ExplainedState = ({ state, spent }: ExplainedStateProps) => {
  const now = [hostStates[state], remedies[state]].filter(Boolean).join(' ');
  return (
    <Term class={`pill state-${state}`} says={[host.state, now, ...(spent ? [parts(spent)] : [])].join('\n')}>
      <StateSteps state={state} />
    </Term>
  );
};

/** The part of the time that the host was in each state. */
function parts(spent: StateSeconds): string {
  const all = states.reduce((sum, state) => sum + spent[state], 0);
  return `${host.spent} ${states.map((state) => `${state} ${percent(all > 0 ? spent[state] / all : 0)}`).join(', ')}.`;
}

function StateSteps({ state }: { state: HostState }) {
  const step = states.length - states.indexOf(state);
  return (
    <>
      <svg viewBox="0 0 23 12" aria-hidden="true">
        {states.map((_, index) => (
          <rect key={index} x={index * 5} y={8 - index * 2} width="3" height={4 + index * 2} class={index < step ? 'on' : ''} />
        ))}
      </svg>
      <span class="word">{state}</span>
    </>
  );
}

export const PowerPill = ({ power }: { power: Power }) => (
  <span class={`pill power-${power}`}>
    <span class="dot" aria-hidden="true" />
    <span class="word">{power}</span>
  </span>
);

/** The same, which says what it means. */
export const ExplainedPower = ({ power }: { power: Power }) => (
  <Term class={`pill power-${power}`} says={powers[power]}>
    <span class="dot" aria-hidden="true" />
    <span class="word">{power}</span>
  </Term>
);
