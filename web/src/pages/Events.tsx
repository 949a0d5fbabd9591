// What happened and why, searchable. The filter is in the address, so that it can be linked to.

import { useState } from 'preact/hooks';
import type { Event } from '../api/schema.ts';
import { count, moment, words } from '../format/text.ts';
import { Term } from '../parts/Term.tsx';
import { Empty } from '../parts/Waiting.tsx';
import { filtered, isGrave, textOf, vmOf } from '../state/eventText.ts';
import { model, vms } from '../state/host.ts';
import { link, route, setQuery } from '../state/route.ts';
import { Decision } from './Decision.tsx';

const PAGE = 100;

export function Events() {
  const [most, setMost] = useState(PAGE);
  const events = model.value?.events ?? [];
  const { query } = route.value;
  const filter = { vm: query.get('vm') ?? '', kind: query.get('kind') ?? '', text: query.get('text') ?? '', all: query.has('all') };
  const found = filtered(events, filter);
  const kinds = [...new Set(events.map((event) => event.event))].sort();
  const names = [...new Set([...vms.value.map((vm) => vm.name), filter.vm])].filter(Boolean).sort();
  return (
    <section class="card" aria-labelledby="events-title">
      <header class="chart-head">
        <h1 id="events-title">
          Events <span class="tally">{count(found.length)}</span>
        </h1>
        <input type="search" aria-label="Search events" placeholder="Search" value={filter.text} onInput={(event) => setQuery('text', event.currentTarget.value)} />
        <Choice label="VM" none="Every VM" value={filter.vm} options={names} change={(value) => setQuery('vm', value)} />
        <Choice label="Kind" none="Every kind" value={filter.kind} options={kinds} say={words} change={(value) => setQuery('kind', value)} />
        <label class="check">
          <input type="checkbox" checked={filter.all} onChange={(event) => setQuery('all', event.currentTarget.checked ? 'yes' : '')} />
          <span>
            Routine plans <Term says="Plans that were made because it was time to, and changed nothing.">?</Term>
          </span>
        </label>
      </header>
      {found.length === 0 ? (
        <Empty>{events.length === 0 ? 'Nothing has happened yet.' : 'No event is like that.'}</Empty>
      ) : (
        <ol class="events">
          {found.slice(0, most).map((event) => (
            <Item key={event.seq} event={event} />
          ))}
        </ol>
      )}
      {found.length > most && (
        <button type="button" onClick={() => setMost(most + PAGE)}>
          Show more
        </button>
      )}
    </section>
  );
}

interface ChoiceProps {
  label: string;
  none: string;
  value: string;
  options: readonly string[];
  say?: (option: string) => string;
  change: (value: string) => void;
}

const Choice = ({ label, none, value, options, say = (option) => option, change }: ChoiceProps) => (
  <select aria-label={label} value={value} onChange={(event) => change(event.currentTarget.value)}>
    <option value="">{none}</option>
    {options.map((option) => (
      <option key={option} value={option}>
        {say(option)}
      </option>
    ))}
  </select>
);

function Item({ event }: { event: Event }) {
  const [open, setOpen] = useState(false);
  const vm = vmOf(event);
  return (
    <li class={isGrave(event) ? 'grave' : ''}>
      <time class="number" dateTime={new Date(event.at_milliseconds).toISOString()}>
        {moment(event.at_milliseconds)}
      </time>
      <span class="kind">{words(event.event)}</span>
      <div class="event-text">
        {vm && (
          <>
            <a href={link('vms', vm)}>{vm}</a>:{' '}
          </>
        )}
        {textOf(event)}
        {event.event === 'planned' && event.vms.length > 0 && (
          <>
            {' '}
            <button type="button" class="plain" aria-expanded={open} onClick={() => setOpen(!open)}>
              {open ? 'Less' : 'Why'}
            </button>
            {open && <Decision event={event} />}
          </>
        )}
      </div>
    </li>
  );
}
