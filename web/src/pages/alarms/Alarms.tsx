// What should be looked at, and by which rules.

import type { Alarm } from '../../api/schema.ts';
import { call } from '../../api/call.ts';
import { duration, moment, sentence } from '../../format/text.ts';
import { SeverityMark } from '../../parts/AlarmMarks.tsx';
import { Needs } from '../../parts/Needs.tsx';
import { Empty } from '../../parts/Waiting.tsx';
import { inOrder, unseen } from '../../state/alarms.ts';
import { model } from '../../state/host.ts';
import { attempt } from '../../state/notices.ts';
import { link, route } from '../../state/route.ts';
import { useEffect, useRef } from 'preact/hooks';
import { Rules } from './Rules.tsx';

export const Alarms = () => (
  <>
    <ActiveAlarms />
    <Rules />
  </>
);

function ActiveAlarms() {
  const alarms = inOrder(model.value?.alarms ?? []);
  const open = unseen(alarms);
  return (
    <section class="card" aria-labelledby="alarms-title">
      <header class="chart-head">
        <h1 id="alarms-title">
          Alarms <span class="tally">{alarms.length}</span>
        </h1>
        {open.length > 1 && (
          <Needs role="operate">
            <button type="button" onClick={() => void acknowledge(open)}>
              Acknowledge all
            </button>
          </Needs>
        )}
        <a href="#/events?text=alarm">Events of alarms</a>
      </header>
      {alarms.length === 0 ? (
        <Empty>There is no alarm: nothing is as a rule says that it should not be.</Empty>
      ) : (
        <ul class="alarms">
          {alarms.map((alarm) => (
            <Item key={alarm.id} alarm={alarm} />
          ))}
        </ul>
      )}
    </section>
  );
}

const acknowledge = (alarms: readonly Alarm[]): Promise<boolean> =>
  attempt(async () => {
    for (const { id } of alarms) await call('POST /v1/alarms/{id}/acknowledge', { params: { id } });
    return alarms.length === 1 ? `Alarm ${alarms[0]?.id} is acknowledged.` : `${alarms.length} alarms are acknowledged.`;
  });

function Item({ alarm }: { alarm: Alarm }) {
  const { id, severity, text, rule, vm, acknowledged, raised_at_milliseconds: raised } = alarm;
  const now = model.value?.status.at_milliseconds ?? raised;
  // The one that a link leads to.
  const marked = route.value.query.get('id') === String(id);
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (marked) item.current?.scrollIntoView({ block: 'nearest' });
  }, [marked]);
  return (
    <li ref={item} class={`${acknowledged ? 'seen' : ''} ${marked ? 'marked' : ''}`} aria-current={marked ? 'true' : undefined}>
      <span class={`pill severity-${severity}`}>
        <SeverityMark severity={severity} />
        {severity}
      </span>
      <div>
        <p>{sentence(text)}</p>
        <p class="hint">
          by the rule {rule}, for <time dateTime={new Date(raised).toISOString()} title={moment(raised)}>{duration((now - raised) / 1000)}</time>
          {vm && (
            <>
              {', '}
              <a href={link('vms', vm)} aria-label={`The VM ${vm}`}>
                {vm}
              </a>
            </>
          )}
        </p>
      </div>
      {acknowledged ? (
        <span class="hint">seen by {acknowledged.by}</span>
      ) : (
        <Needs role="operate">
          <button type="button" aria-label={`Acknowledge: ${text}, by the rule ${rule}`} onClick={() => void acknowledge([alarm])}>
            Acknowledge
          </button>
        </Needs>
      )}
    </li>
  );
}
