// What happened last that is more than the memory loop's usual doing.

import { clock } from '../../format/text.ts';
import { isGrave, news, textOf, vmOf } from '../../state/eventText.ts';
import { model } from '../../state/host.ts';
import { link } from '../../state/route.ts';

const SHOWN = 4;

/** Each takes one line, and as many lines are kept free as there can be: what is below must not move. */
export function Lately() {
  const events = news(model.value?.events ?? [], SHOWN);
  return (
    <section class="card lately" aria-labelledby="lately-title">
      <header class="chart-head">
        <h2 id="lately-title">Lately</h2>
        <a href={link('events')}>All events</a>
      </header>
      <ol>
        {events.map((event) => {
          const vm = vmOf(event);
          const text = `${vm ? `${vm}: ` : ''}${textOf(event)}`;
          return (
            <li key={event.seq} class={isGrave(event) ? 'grave' : ''} title={text}>
              <time class="number" dateTime={new Date(event.at_milliseconds).toISOString()}>
                {clock(event.at_milliseconds)}
              </time>{' '}
              {text}
            </li>
          );
        })}
        {events.length === 0 && <li>Nothing yet.</li>}
      </ol>
    </section>
  );
}
