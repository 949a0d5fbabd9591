// A rule is created, changed, tested or removed.

import { useEffect, useState } from 'preact/hooks';
import type { ActionOutcome, AlarmRule, AlarmSubject, Problem, TestedActions } from '../../api/schema.ts';
import { call, problemOf, Refusal } from '../../api/call.ts';
import { Dialog } from '../../parts/Dialog.tsx';
import { ExplainedButton } from '../../parts/Term.tsx';
import { deeds } from '../../words/figures.ts';
import { Failed } from '../../parts/Waiting.tsx';
import { changeOf, draftOf, wrong, type Draft } from '../../state/alarmRule.ts';
import { tell } from '../../state/notices.ts';
import { RuleFields, WebhookFields } from './RuleFields.tsx';

interface Props {
  /** Null: a new one. */
  rule: AlarmRule | null;
  close: () => void;
}

export function RuleDialog({ rule, close }: Props) {
  const [draft, setDraft] = useState(draftOf(rule));
  const [etag, setEtag] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [tested, setTested] = useState<TestedActions | 'waiting' | null>(null);
  const name = rule?.name;
  const edit = (change: Partial<Draft>): void => setDraft({ ...draft, ...change });

  const read = async (shown: Draft | null): Promise<void> => {
    if (!name) return;
    const { answer, etag: revision } = await call('GET /v1/alarm-rules/{name}', { params: { name } });
    // What was typed meanwhile stays, unless the rule is another than the one that is shown.
    if (JSON.stringify(draftOf(answer)) !== JSON.stringify(shown)) setDraft(draftOf(answer));
    setEtag(revision);
  };
  useEffect(() => void read(draftOf(rule)).catch((error: unknown) => setProblem(problemOf(error))), [name]);

  const run = async (what: () => Promise<string>): Promise<void> => {
    try {
      tell(await what());
      close();
    } catch (error) {
      setProblem(problemOf(error));
      // Somebody else was faster; what came of that is shown, and can be edited again.
      if (error instanceof Refusal && error.status === 412) await read(null).catch(() => undefined);
    }
  };
  const apply = (event: SubmitEvent): void => {
    event.preventDefault();
    void run(async () => {
      const change = changeOf(draft);
      if (name) {
        await call('PATCH /v1/alarm-rules/{name}', { params: { name }, body: change, ifMatch: etag });
        return `${name} is changed.`;
      }
      await call('POST /v1/alarm-rules', { body: { ...change, name: draft.name, subject: draft.subject } as Created });
      return `${draft.name} is created.`;
    });
  };
  const remove = (): void =>
    void run(async () => {
      await call('DELETE /v1/alarm-rules/{name}', { params: { name: name ?? '' } });
      return `${name} is removed.`;
    });
  const test = async (): Promise<void> => {
    setTested('waiting');
    try {
      setTested((await call('POST /v1/alarm-rules/{name}/test', { params: { name: name ?? '' } })).answer);
    } catch (error) {
      setTested(null);
      setProblem(problemOf(error));
    }
  };
  const mistake = wrong(draft);
  return (
    <Dialog title={name ? `Alarm rule ${name}` : 'Create an alarm rule'} close={close}>
      <form onSubmit={apply}>
        {problem && <Failed problem={problem} />}
        {!name && (
          <label class="field">
            <span>Name</span>
            <input value={draft.name} required pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,62}" onInput={(event) => edit({ name: event.currentTarget.value })} />
          </label>
        )}
        <RuleFields draft={draft} edit={edit} />
        <WebhookFields draft={draft} edit={edit} kept={rule?.webhook?.header !== null && rule?.webhook !== null && rule !== null} />
        <p class="hint">
          {rule?.command ? (
            <>
              It also runs <code>{rule.command.join(' ')}</code>.{' '}
            </>
          ) : null}
          Commands are given on the host itself: memtide alarms rules set {name ?? 'NAME'} -- COMMAND
        </p>
        {tested && <Outcomes tested={tested} />}
        <p class={name || draft.name ? 'mistake' : 'mistake soft'} role="status">
          {mistake}
        </p>
        <div class="actions">
          {name && (
            <button type="button" class="danger aside" onClick={remove}>
              Remove
            </button>
          )}
          {rule?.acts && (
            <ExplainedButton says={deeds.test} disabled={tested === 'waiting'} press={() => void test()}>
              Test
            </ExplainedButton>
          )}
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={mistake !== null}>
            {name ? 'Apply' : 'Create'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** What a change and a name make. */
type Created = { name: string; subject: AlarmSubject };

function Outcomes({ tested }: { tested: TestedActions | 'waiting' }) {
  if (tested === 'waiting') return <p role="status">Waiting for how it goes…</p>;
  const outcomes: [string, ActionOutcome | null][] = [
    ['Command', tested.command],
    ['Webhook', tested.webhook],
  ];
  return (
    <ul class="outcomes" role="status">
      {outcomes.map(
        ([what, outcome]) =>
          outcome && (
            <li key={what}>
              <strong>{what}:</strong> {outcome.done ? 'done' : `failed, ${outcome.why}`}
              {outcome.said && <pre>{outcome.said}</pre>}
            </li>
          ),
      )}
    </ul>
  );
}
