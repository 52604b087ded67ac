/** What is tried again and again fails for the same reason again and again: it is told once, until something else happens. */
export class Trouble {
  #told: string | undefined;

  /** Whether `what` was not the last that was told; from now on it is. */
  isNews(what: string): boolean {
    const isNews = what !== this.#told;
    this.#told = what;
    return isNews;
  }

  /** It works. True when it had not. */
  over(): boolean {
    const wasTold = this.#told !== undefined;
    this.#told = undefined;
    return wasTold;
  }
}
