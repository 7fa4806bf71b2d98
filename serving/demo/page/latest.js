// Of all that is asked for while one is computed, only the last is computed next.

const FIRST_DELAY = 1000;
const LONGEST_DELAY = 8000;

export class Latest {
  // `work(request, isOld)` is asynchronous and shows what it gets; `isOld()` says whether another
  // request waits. `tell(message)` shows why it failed, or null once it has not.
  constructor(work, tell) {
    this.work = work;
    this.tell = tell;
    this.waiting = null;
    this.busy = false;
    this.wake = () => {};
    // Is fulfilled once nothing is computed.
    this.rest = Promise.resolve();
  }

  ask(request) {
    this.waiting = { request };
    this.wake();
    if (!this.busy) this.rest = this.run();
  }

  async run() {
    this.busy = true;
    let delay = FIRST_DELAY;
    while (this.waiting) {
      const { request } = this.waiting;
      this.waiting = null;
      try {
        await this.work(request, () => this.waiting !== null);
        this.tell(null);
        delay = FIRST_DELAY;
      } catch (error) {
        if (this.waiting) continue;
        this.tell(error.message);
        if (!error.passes) continue;
        // The server is away: the same again, later, unless another is asked for first.
        await new Promise((resolve) => {
          this.wake = resolve;
          setTimeout(resolve, delay);
          window.addEventListener("back", resolve, { once: true });
        });
        delay = Math.min(2 * delay, LONGEST_DELAY);
        this.waiting ??= { request };
      }
    }
    this.busy = false;
  }
}
