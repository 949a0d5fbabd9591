import type { HostState, Power } from '../api/schema.ts';
import { states } from '../state/hostState.ts';

/** The host's state: as a word, and as steps for those who do not see its colour. */
export function StatePill({ state }: { state: HostState }) {
  const step = states.length - states.indexOf(state);
  return (
    <span class={`pill state-${state}`} title="The state of the host’s memory">
      <svg viewBox="0 0 23 12" aria-hidden="true">
        {states.map((_, index) => (
          <rect key={index} x={index * 5} y={8 - index * 2} width="3" height={4 + index * 2} class={index < step ? 'on' : ''} />
        ))}
      </svg>
      {state}
    </span>
  );
}

export const PowerPill = ({ power }: { power: Power }) => (
  <span class={`pill power-${power}`}>
    <span class="dot" aria-hidden="true" />
    {power}
  </span>
);
