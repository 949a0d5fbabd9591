// A terminal as far as a serial console needs one: lines, a cursor, and the escape sequences that shells edit lines
// with. Colours and the like are passed over. Pure.

const MOST_LINES = 2000;
/** A line that is longer goes on in the next. */
const COLUMNS = 512;
const TAB = 8;
/** What ends an escape sequence that is none. */
const LONGEST_SEQUENCE = 64;

export class Terminal {
  #lines: string[] = [''];
  #row = 0;
  #column = 0;
  /** An escape sequence that is not whole yet. */
  #sequence = '';

  get text(): string {
    return this.#lines.join('\n');
  }

  /** Takes what the guest said. */
  write(said: string): void {
    for (const sign of said) {
      if (this.#sequence) this.#escape(sign);
      else this.#put(sign);
    }
  }

  #put(sign: string): void {
    switch (sign) {
      case '\u001b':
        this.#sequence = sign;
        break;
      case '\r':
        this.#column = 0;
        break;
      case '\n':
        this.#down();
        break;
      case '\b':
        this.#column = Math.max(0, this.#column - 1);
        break;
      case '\t':
        this.#moveTo(this.#column + TAB - (this.#column % TAB));
        break;
      default:
        if (sign >= ' ' && sign !== '\u007f') this.#print(sign);
    }
  }

  #print(sign: string): void {
    if (this.#column >= COLUMNS) {
      this.#down();
      this.#column = 0;
    }
    const line = (this.#lines[this.#row] ?? '').padEnd(this.#column);
    this.#lines[this.#row] = line.slice(0, this.#column) + sign + line.slice(this.#column + sign.length);
    this.#column += sign.length;
  }

  #moveTo(column: number): void {
    this.#column = Math.min(Math.max(0, column), COLUMNS - 1);
  }

  #down(): void {
    this.#row += 1;
    if (this.#row === this.#lines.length) this.#lines.push('');
    if (this.#lines.length > MOST_LINES) {
      this.#lines.shift();
      this.#row -= 1;
    }
  }

  #escape(sign: string): void {
    this.#sequence += sign;
    const [, kind] = this.#sequence;
    const ended =
      kind === '['
        ? /^\u001b\[.*[@-~]$/.test(this.#sequence) && this.#sequence.length > 2
        : kind === ']'
          ? sign === '\u0007' || this.#sequence.endsWith('\u001b\\')
          : !/^\u001b[()#]$/.test(this.#sequence);
    if (!ended && this.#sequence.length < LONGEST_SEQUENCE) return;
    if (ended && kind === '[') this.#control(sign, this.#sequence.slice(2, -1));
    this.#sequence = '';
  }

  #control(command: string, parameters: string): void {
    const [first = 0, second = 0] = parameters.split(';').map(Number);
    const line = this.#lines[this.#row] ?? '';
    switch (command) {
      case 'A':
        this.#row = Math.max(0, this.#row - Math.max(1, first));
        break;
      case 'B':
        for (let step = 0; step < Math.min(Math.max(1, first), LONGEST_SEQUENCE); step += 1) this.#down();
        break;
      case 'C':
        this.#moveTo(this.#column + Math.max(1, first));
        break;
      case 'D':
        this.#moveTo(this.#column - Math.max(1, first));
        break;
      case 'G':
        this.#moveTo(first - 1);
        break;
      case 'K':
        this.#lines[this.#row] = first === 0 ? line.slice(0, this.#column) : first === 1 ? line.slice(this.#column).padStart(line.length) : '';
        break;
      case 'J':
        // A screen that is cleared begins below: what was said stays to be read.
        if (first >= 2) this.#lines.length = this.#row + 1;
        else this.#lines.splice(this.#row, Infinity, line.slice(0, this.#column));
        break;
      case 'P':
        this.#lines[this.#row] = line.slice(0, this.#column) + line.slice(this.#column + Math.max(1, first));
        break;
      case 'H':
        // There is no screen to be at home on; its beginning is the end of what was said.
        if (first <= 1 && second <= 1) {
          this.#row = this.#lines.length - 1;
          this.#column = 0;
        }
        break;
    }
  }
}

const named: Record<string, string> = {
  Enter: '\r',
  Backspace: '\u007f',
  Escape: '\u001b',
  Delete: '\u001b[3~',
  ArrowUp: '\u001b[A',
  ArrowDown: '\u001b[B',
  ArrowRight: '\u001b[C',
  ArrowLeft: '\u001b[D',
  Home: '\u001b[H',
  End: '\u001b[F',
};

interface Key {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** What a key sends; `null` if it is the browser's. Tab is, so that the console can be left by it. */
export function bytesOf({ key, ctrlKey, altKey, metaKey }: Key): string | null {
  if (metaKey) return null;
  if (ctrlKey) return /^[a-z[\]\\]$/i.test(key) ? String.fromCharCode(key.toUpperCase().charCodeAt(0) & 31) : null;
  const typed = named[key] ?? ([...key].length === 1 ? key : null);
  return typed !== null && altKey ? `\u001b${typed}` : typed;
}
