// The last minutes of figures, a sample for each status of the host, in the browser's memory and bounded.

export const SAMPLES = 900;
/** A pause longer than this is drawn as one. */
const GAP = 4;

export type Sample = Record<string, number>;

/** A ring of samples, all with the same fields. Times are in seconds since 1970. */
export class History<Field extends string = string> {
  readonly #fields: readonly Field[];
  readonly #times = new Float64Array(SAMPLES);
  readonly #columns: Record<Field, Float64Array>;
  #begin = 0;
  #length = 0;

  constructor(fields: readonly Field[]) {
    this.#fields = fields;
    this.#columns = Object.fromEntries(fields.map((field) => [field, new Float64Array(SAMPLES)])) as Record<
      Field,
      Float64Array
    >;
  }

  get length(): number {
    return this.#length;
  }

  add(time: number, sample: Record<Field, number>): void {
    const last = this.#length === 0 ? time : this.#time(this.#length - 1);
    // A clock that was set back begins a new history.
    if (time < last) this.#length = 0;
    else if (time === last && this.#length > 0) return;
    if (time - last > GAP) this.#put(last + 1, () => Number.NaN);
    this.#put(time, (field) => sample[field]);
  }

  #put(time: number, value: (field: Field) => number): void {
    const at = (this.#begin + this.#length) % SAMPLES;
    this.#times[at] = time;
    for (const field of this.#fields) this.#columns[field][at] = value(field);
    if (this.#length < SAMPLES) this.#length += 1;
    else this.#begin = (this.#begin + 1) % SAMPLES;
  }

  #time(index: number): number {
    return this.#times[(this.#begin + index) % SAMPLES] ?? 0;
  }

  /** The times of the last `seconds`, oldest first. */
  times(seconds: number): number[] {
    return this.#cut(this.#times, seconds).map((time) => time ?? 0);
  }

  /** What goes with them; `null` where nothing was measured. */
  values(field: Field, seconds: number): (number | null)[] {
    return this.#cut(this.#columns[field], seconds);
  }

  #cut(column: Float64Array, seconds: number): (number | null)[] {
    if (this.#length === 0) return [];
    const end = this.#time(this.#length - 1);
    const cut: (number | null)[] = [];
    for (let index = 0; index < this.#length; index += 1) {
      if (this.#time(index) < end - seconds) continue;
      const value = column[(this.#begin + index) % SAMPLES] ?? Number.NaN;
      cut.push(Number.isNaN(value) ? null : value);
    }
    return cut;
  }
}
