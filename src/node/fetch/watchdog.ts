// Aborts what has been waited for too long. The clock runs only while somebody waits.

export interface Watchdog {
  /** Aborted, with the reason that was given, when one wait took too long. */
  readonly signal: AbortSignal;
  /** The result of waiting, which must end by itself once the signal is aborted. */
  during<T>(wait: () => Promise<T>): Promise<T>;
}

export function watchdog(milliseconds: number, reason: () => Error): Watchdog {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    async during(wait) {
      const timer = setTimeout(() => controller.abort(reason()), milliseconds);
      try {
        return await wait();
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
