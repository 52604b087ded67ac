import type { WriteStream } from 'node:tty';

/** One line of a terminal that is written over; where there is no terminal only its last state is printed. */
export class ProgressLine {
  readonly #to: WriteStream | undefined;
  #last = '';

  constructor(to: WriteStream | undefined) {
    this.#to = to;
  }

  show(text: string): void {
    this.#last = text;
    if (this.#to?.isTTY === true) this.#to.write(`\r\u001b[K${this.#last}`);
  }

  /** Leaves the line as it is and writes `text` below it. */
  end(text?: string): void {
    const shown = this.#to?.isTTY === true ? '\n' : `${this.#last}\n`;
    if (this.#last !== '') this.#to?.write(shown);
    if (text !== undefined) this.#to?.write(`${text}\n`);
    this.#last = '';
  }
}
