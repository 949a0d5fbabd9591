// A list that is asked for anew. The answer that was asked for last is the newest, in whatever order answers come.

/** Milliseconds in which many wishes become one. */
const GATHERED = 60;

export class Anew<T> {
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The number of the last question, and of the one whose answer was taken last. */
  #asked = 0;
  #taken = 0;
  readonly #ask: () => Promise<T>;
  readonly #take: (answer: T) => void;

  constructor(ask: () => Promise<T>, take: (answer: T) => void) {
    this.#ask = ask;
    this.#take = take;
  }

  /** Wishes in a short time become one, which the first of them begins: those that do not end do not put it off. */
  soon(): void {
    this.#timer ??= setTimeout(() => void this.now(), GATHERED);
  }

  /** Resolves once what there is now is known. */
  async now(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#asked += 1;
    const number = this.#asked;
    // What fails now comes with the next snapshot.
    const found = await this.#ask().catch(() => null);
    if (found === null || number <= this.#taken) return;
    this.#taken = number;
    this.#take(found);
  }

  /** The list came otherwise: whatever was asked for before is older. */
  outdate(): void {
    this.#taken = this.#asked;
  }
}
