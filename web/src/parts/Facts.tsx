// Figures with their names, side by side.

import type { ComponentChildren } from 'preact';
import { exact, size } from '../format/size.ts';
import { Term } from './Term.tsx';

export const Facts = ({ children }: { children: ComponentChildren }) => <dl class="facts">{children}</dl>;

interface FactProps {
  name: string;
  says: string;
  children: ComponentChildren;
}

export const Fact = ({ name, says, children }: FactProps) => (
  <div>
    <dt>
      <Term says={says}>{name}</Term>
    </dt>
    <dd>{children}</dd>
  </div>
);

interface SizeFactProps {
  name: string;
  says: string;
  bytes: number | null | undefined;
  /** What is said where there is no figure. */
  none?: string;
}

/** A size, whose meaning has it exactly as well. */
export const SizeFact = ({ name, says, bytes, none = '–' }: SizeFactProps) => {
  const known = bytes !== null && bytes !== undefined;
  return (
    <Fact name={name} says={known ? `${says}\n${exact(bytes)}` : says}>
      {known ? <span class="number">{size(bytes)}</span> : <span class="none">{none}</span>}
    </Fact>
  );
};
