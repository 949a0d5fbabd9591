// What of a rule is typed: what it looks at, from where on, and whom it tells.

import type { AlarmSubject, Severity } from '../../api/schema.ts';
import { sentence } from '../../format/text.ts';
import { levelOf, severities, unitOf, type Draft, type Levels } from '../../state/alarmRule.ts';
import { subjects } from '../../state/alarms.ts';

interface Props {
  draft: Draft;
  edit: (change: Partial<Draft>) => void;
}

const none: Levels = { raise: '', clear: '' };

export function RuleFields({ draft, edit }: Props) {
  const { subject } = draft;
  // Levels of something else mean nothing.
  const choose = (to: AlarmSubject): void =>
    edit(subjects[to].unit === subjects[subject].unit && subjects[to].falls === subjects[subject].falls ? { subject: to } : { subject: to, warning: none, critical: none });
  return (
    <>
      <label class="check">
        <input type="checkbox" checked={draft.enabled} onChange={(event) => edit({ enabled: event.currentTarget.checked })} />
        It is on
      </label>
      <label class="field">
        <span>Looks at</span>
        <select value={subject} onChange={(event) => choose(event.currentTarget.value as AlarmSubject)}>
          {Object.entries(subjects).map(([key, { name }]) => (
            <option key={key} value={key}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {subjects[subject].of === 'vm' && (
        <label class="field">
          <span>On these VMs</span>
          <input value={draft.vms} placeholder="every VM; or names, with commas between" onInput={(event) => edit({ vms: event.currentTarget.value })} />
        </label>
      )}
      <p class="hint">Levels are {unitOf(subject)}.</p>
      {severities.map((severity) => (
        <LevelFields key={severity} severity={severity} subject={subject} levels={draft[severity]} change={(levels) => edit({ [severity]: levels })} />
      ))}
      <div class="pair">
        <Seconds label="Raise after, in seconds" value={draft.raiseAfter} change={(raiseAfter) => edit({ raiseAfter })} />
        <Seconds label="Clear after, in seconds" value={draft.clearAfter} change={(clearAfter) => edit({ clearAfter })} />
      </div>
    </>
  );
}

interface LevelProps {
  severity: Severity;
  subject: AlarmSubject;
  levels: Levels;
  change: (levels: Levels) => void;
}

function LevelFields({ severity, subject, levels, change }: LevelProps) {
  const { words, falls } = subjects[subject];
  const field = (which: keyof Levels, label: string) => {
    const value = levels[which];
    const set = (text: string): void => change({ ...levels, [which]: text });
    return (
      <label class="field">
        <span>{label}</span>
        {words.length > 0 ? (
          <select value={value} onChange={(event) => set(event.currentTarget.value)}>
            <option value="">none</option>
            {words.map((word) => (
              <option key={word} value={word}>
                {word}
              </option>
            ))}
          </select>
        ) : (
          <input value={value} placeholder="none" aria-invalid={value !== '' && levelOf(subject, value) === null} onInput={(event) => set(event.currentTarget.value)} />
        )}
      </label>
    );
  };
  return (
    <div class="pair">
      {field('raise', `${sentence(severity)} ${falls ? 'down to' : 'from'}`)}
      {field('clear', `${sentence(severity)} is over at`)}
    </div>
  );
}

const Seconds = ({ label, value, change }: { label: string; value: string; change: (text: string) => void }) => (
  <label class="field">
    <span>{label}</span>
    <input type="number" min={0} max={86_400} value={value} onInput={(event) => change(event.currentTarget.value)} />
  </label>
);

export const WebhookFields = ({ draft, edit, kept }: Props & { kept: boolean }) => (
  <>
    <label class="field">
      <span>Webhook</span>
      <input type="url" value={draft.url} placeholder="none; or https://…" onInput={(event) => edit({ url: event.currentTarget.value })} />
    </label>
    {draft.url !== '' && (
      <div class="pair">
        <label class="field">
          <span>Header for a secret</span>
          <input value={draft.header} placeholder="none; or authorization" onInput={(event) => edit({ header: event.currentTarget.value })} />
        </label>
        <label class="field">
          <span>Secret</span>
          <input type="password" autocomplete="off" value={draft.secret} placeholder={kept ? 'kept, not shown' : ''} onInput={(event) => edit({ secret: event.currentTarget.value })} />
        </label>
      </div>
    )}
  </>
);
