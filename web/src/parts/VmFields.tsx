// Fields of a VM's settings, as they are typed, each with what it means.

import { useId } from 'preact/hooks';
import { model } from '../state/host.ts';
import { sharesOf, type Typed } from '../state/vmForm.ts';
import { fields, type FieldName } from '../words/fields.ts';
import { SharesChoice } from './SharesChoice.tsx';

interface Props {
  names: readonly FieldName[];
  typed: Typed;
  change: (typed: Typed) => void;
  /** None can be changed, or not these. */
  fixed?: (name: FieldName) => boolean;
}

export const VmFields = ({ names, typed, change, fixed = () => false }: Props) => (
  <>
    {names.map((name) => (
      <OneField key={name} name={name} text={typed[name] ?? ''} fixed={fixed(name)} change={(text) => change({ ...typed, [name]: text })} />
    ))}
  </>
);

interface OneProps {
  name: FieldName;
  text: string;
  fixed: boolean;
  change: (text: string) => void;
}

function OneField({ name, text, fixed, change }: OneProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{fields[name].label}</label>
      <Control id={id} name={name} text={text} fixed={fixed} change={change} />
      <p class="hint" id={`${id}-meaning`}>
        {fields[name].says}
      </p>
    </div>
  );
}

const SIZE = '\\s*\\d+(\\.\\d+)?\\s*([KkMmGgTt]([Ii]?[Bb])?|[Bb])?\\s*';

/** A custom number of shares begins with what a VM of 256 MiB has. */
const SHARES = 2560;

function Control({ id, name, text, fixed, change }: OneProps & { id: string }) {
  const { kind, none, from, to } = fields[name];
  const meaning = `${id}-meaning`;
  if (kind === 'shares') return <SharesChoice id={id} shares={sharesOf(text)} usual={SHARES} disabled={fixed} change={(shares) => change(String(shares))} />;
  const typed = {
    id,
    'aria-describedby': meaning,
    value: text,
    placeholder: none,
    required: none === undefined,
    disabled: fixed,
    onInput: (event: { currentTarget: HTMLInputElement }): void => change(event.currentTarget.value),
  };
  if (kind === 'number') return <input type="number" min={from} max={to} {...typed} />;
  if (kind === 'text' || kind === 'size') return <input pattern={kind === 'size' ? SIZE : undefined} spellcheck={false} autocomplete="off" {...typed} />;
  return (
    <select id={id} aria-describedby={meaning} value={text} disabled={fixed} onChange={(event) => change(event.currentTarget.value)}>
      {choices(kind, none).map(([key, word]) => (
        <option key={key} value={key}>
          {word}
        </option>
      ))}
    </select>
  );
}

function choices(kind: 'pool' | 'yes-or-no' | Readonly<Record<string, string>>, none = ''): [string, string][] {
  if (kind === 'pool') return [['', none], ...(model.value?.pools ?? []).map(({ name }): [string, string] => [name, name])];
  if (kind === 'yes-or-no') return [['yes', 'Yes'], ['no', 'No']];
  return Object.entries(kind);
}
