// What is edited of something, and two editors at once. Pure.

/** What the second has different from the first, field by field. */
export function changes<Edited extends object>(before: Edited, after: Edited): Partial<Edited> {
  const keys = Object.keys(after) as (keyof Edited)[];
  return Object.fromEntries(keys.filter((key) => after[key] !== before[key]).map((key) => [key, after[key]])) as Partial<Edited>;
}

export const isEmpty = (change: object): boolean => Object.keys(change).length === 0;

/** My edits of `base`, made of what somebody else has made of it in the meantime. */
export const rebase = <Edited extends object>(base: Edited, mine: Edited, theirs: Edited): Edited => ({ ...theirs, ...changes(base, mine) });
