// The rules that alarms are raised by.

import { useState } from 'preact/hooks';
import type { AlarmRule } from '../../api/schema.ts';
import { all, call } from '../../api/call.ts';
import { duration } from '../../format/text.ts';
import { Table, type Column } from '../../parts/Table.tsx';
import { Failed } from '../../parts/Waiting.tsx';
import { levelsText } from '../../state/alarmRule.ts';
import { subjects } from '../../state/alarms.ts';
import { Needs } from '../../parts/Needs.tsx';
import { may } from '../../state/caller.ts';
import { useLoaded } from '../../state/loaded.ts';
import { model } from '../../state/host.ts';
import { attempt } from '../../state/notices.ts';
import { RuleDialog } from './RuleDialog.tsx';

/** Rises with each change of a rule that the stream tells of. */
const edits = (): number => {
  const changes = (model.value?.events ?? []).filter(({ event }) => event.startsWith('alarm-rule-'));
  return changes.at(-1)?.seq ?? 0;
};

export function Rules() {
  const [editing, setEditing] = useState<AlarmRule | 'new' | null>(null);
  const { value, problem, again } = useLoaded(`rules ${edits()}`, (stop) => all('GET /v1/alarm-rules', stop));
  // While they are asked for anew, those that were are shown.
  const [known, setKnown] = useState<AlarmRule[]>([]);
  if (value && value !== known) setKnown(value);
  const columns: Column<AlarmRule>[] = [
    { head: 'Rule', cell: (rule) => rule.name },
    { head: 'On', says: 'Whether the rule is looked at. An alarm of a rule that is turned off goes.', cell: (rule) => <Switch rule={rule} changed={again} /> },
    { head: 'Looks at', says: 'What is measured, every second.', cell: (rule) => subjects[rule.subject].name },
    { head: 'Of', says: 'On what it is measured.', cell: (rule) => rule.vms?.join(', ') ?? { host: 'the host', vm: 'every VM', directory: 'every disk' }[subjects[rule.subject].of] },
    { head: 'Warning', says: 'From where on it is a warning, and until where it lasts.', cell: (rule) => levelsText(rule.subject, rule.warning) },
    { head: 'Critical', says: 'From where on it is critical, and until where it lasts.', cell: (rule) => levelsText(rule.subject, rule.critical) },
    { head: 'After', says: 'How long it must be so, without interruption, before there is an alarm.', cell: (rule) => duration(rule.raise_after_seconds) },
    { head: 'Acts', says: 'Whether a command is run or a webhook called when an alarm is raised, eased or cleared.', cell: (rule) => (rule.acts ? 'yes' : 'no') },
  ];
  if (may('administer')) {
    columns.push({
      head: 'Change',
      cell: (rule) => (
        <button type="button" class="plain" aria-label={`Edit the rule ${rule.name}`} onClick={() => setEditing(rule)}>
          Edit…
        </button>
      ),
    });
  }
  return (
    <section class="card" aria-labelledby="rules-title">
      <header class="chart-head">
        <h2 id="rules-title">
          Rules <span class="tally">{known.length}</span>
        </h2>
        <Needs role="administer">
          <button type="button" onClick={() => setEditing('new')}>
            Create a rule…
          </button>
        </Needs>
      </header>
      {problem && <Failed problem={problem} again={again} />}
      <Table label={{ id: 'rules-title' }} columns={columns} rows={known} rowKey={({ name }) => name} class="rules" />
      {editing && <RuleDialog rule={editing === 'new' ? null : editing} close={() => (setEditing(null), again())} />}
    </section>
  );
}

function Switch({ rule: { name, enabled }, changed }: { rule: AlarmRule; changed: () => void }) {
  const set = (to: boolean): void =>
    void attempt(async () => {
      await call('PATCH /v1/alarm-rules/{name}', { params: { name }, body: { enabled: to } });
      return `${name} is ${to ? 'on' : 'off'}.`;
    }).then(changed);
  if (!may('administer')) return <>{enabled ? 'yes' : 'no'}</>;
  return <input type="checkbox" aria-label={`${name} is on`} checked={enabled} onChange={(event) => set(event.currentTarget.checked)} />;
}
