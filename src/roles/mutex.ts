/** One task at a time, in the order they were asked for. A task that fails does not stop the next one. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task, task);
    // The caller sees the failure; the queue only needs to know that the turn is over.
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
