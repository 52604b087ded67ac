/**
 * Runs work soon after the callbacks of the C client that asked for it, in their order, and never inside them. Closing the client
 * there would free memory that it still uses. And at a lost connection the package goes on for a moment watching the number of the
 * file that it has closed: a socket opened just then gets that number, and is deaf once the package stops watching it.
 */
export class AfterCallbacks {
  #queue: (() => void)[] = [];

  run(work: () => void): void {
    this.#queue.push(work);
    if (this.#queue.length > 1) return;
    setImmediate(() => {
      const queue = this.#queue;
      this.#queue = [];
      for (const one of queue) one();
    });
  }
}
