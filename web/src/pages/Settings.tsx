// The host's settings: what each means, what it is and may be.

import { useEffect, useState } from 'preact/hooks';
import type { Setting } from '../api/schema.ts';
import { call } from '../api/call.ts';
import { count } from '../format/text.ts';
import { Empty } from '../parts/Waiting.tsx';
import { Needs } from '../parts/Needs.tsx';
import { model } from '../state/host.ts';
import { attempt } from '../state/notices.ts';

export function Settings() {
  const [filter, setFilter] = useState('');
  const [onlyChanged, setOnlyChanged] = useState(false);
  const settings = model.value?.settings ?? [];
  const wanted = settings.filter(
    ({ name, meaning, value, default: usual }) =>
      `${name} ${meaning}`.toLowerCase().includes(filter.toLowerCase()) && !(onlyChanged && value === usual),
  );
  return (
    <section class="card" aria-labelledby="settings-title">
      <header class="chart-head">
        <h1 id="settings-title">
          Settings <span class="tally">{settings.length}</span>
        </h1>
        <input type="search" aria-label="Search settings" placeholder="Search" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
        <label class="check">
          <input type="checkbox" checked={onlyChanged} onChange={(event) => setOnlyChanged(event.currentTarget.checked)} />
          Only changed
        </label>
      </header>
      <ul class="settings">
        {wanted.map((setting) => (
          <Row key={setting.name} setting={setting} />
        ))}
      </ul>
      {wanted.length === 0 && <Empty>{onlyChanged && !filter ? 'All settings are at their defaults.' : 'No setting is like that.'}</Empty>}
    </section>
  );
}

async function put(name: string, value: number | null): Promise<string> {
  const { answer } = await call('PATCH /v1/settings', { body: { [name]: value } });
  if (model.value) model.value = { ...model.value, settings: answer.items };
  return value === null ? `${name} is at its default.` : `${name} is ${value}.`;
}

function Row({ setting }: { setting: Setting }) {
  const { name, value, default: usual, least, most, unit, meaning } = setting;
  const [typed, setTyped] = useState(String(value));
  useEffect(() => setTyped(String(value)), [value]);
  const number = Number(typed);
  const good = typed.trim() !== '' && Number.isInteger(number) && number >= least && number <= most;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (good && number !== value) void attempt(() => put(name, number));
  };
  return (
    <li class={value === usual ? '' : 'changed'}>
      <div class="setting-text">
        <h2>
          <code>{name}</code>
          {value !== usual && <span class="pill">changed</span>}
        </h2>
        <p>{meaning}</p>
        <p class="hint number">
          {count(least)} to {count(most)}
          {unit && ` ${unit}`}, default {count(usual)}
        </p>
      </div>
      <Needs role="administer">
        <form onSubmit={submit}>
          <input
            class="number"
            type="number"
            aria-label={name}
            aria-invalid={!good}
            min={least}
            max={most}
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <button type="submit" disabled={!good || number === value} aria-label={`Set ${name}`}>
            Set
          </button>
          <button type="button" class="plain" disabled={value === usual} aria-label={`${name}: default`} onClick={() => void attempt(() => put(name, null))}>
            Default
          </button>
        </form>
      </Needs>
    </li>
  );
}
