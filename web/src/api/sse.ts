// Reads `text/event-stream` out of pieces of text that begin and end anywhere.

export interface Message {
  id: string | null;
  kind: string;
  data: string;
}

export class Messages {
  #rest = '';

  /** The messages that are whole once `text` came. */
  take(text: string): Message[] {
    this.#rest += text;
    const blocks = this.#rest.split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.map(read).filter((message) => message !== null);
  }
}

function read(block: string): Message | null {
  const message: Message = { id: null, kind: 'message', data: '' };
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    // A line that begins with a colon is a comment, which keeps the connection alive.
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, '');
    const field = line.slice(0, colon);
    if (field === 'id') message.id = value;
    else if (field === 'event') message.kind = value;
    else if (field === 'data') data.push(value);
  }
  message.data = data.join('\n');
  return data.length > 0 ? message : null;
}
