/** Every chart can be read as a table. */
export const TableSwitch = ({ of, on, change }: { of: string; on: boolean; change: (on: boolean) => void }) => (
  <button type="button" class="plain switch" aria-pressed={on} aria-label={`As table: ${of}`} onClick={() => change(!on)}>
    As table
  </button>
);
