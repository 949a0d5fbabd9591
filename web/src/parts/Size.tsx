import { exact, size } from '../format/size.ts';

/** A size as people read it, exact to who points at it. */
export function Size({ bytes, none = '–' }: { bytes: number | null | undefined; none?: string }) {
  if (bytes === null || bytes === undefined) return <span class="none">{none}</span>;
  return (
    <span class="number" title={exact(bytes)}>
      {size(bytes)}
    </span>
  );
}
