interface Props<Value> {
  /** What is chosen, and what the group is called in the page. */
  legend: string;
  name: string;
  options: readonly (readonly [Value, string])[];
  value: Value;
  change: (value: Value) => void;
}

/** One of a few, side by side. */
export const Segments = <Value extends string | number>({ legend, name, options, value, change }: Props<Value>) => (
  <fieldset class="segments">
    <legend class="unseen">{legend}</legend>
    {options.map(([key, label]) => (
      <label key={key}>
        <input type="radio" name={name} checked={value === key} onChange={() => change(key)} />
        <span>{label}</span>
      </label>
    ))}
  </fieldset>
);
