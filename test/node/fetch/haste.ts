// What fetching is like in tests.

/** Waits that a test can wait for; the stall, which no test waits for, is long enough for a machine that is busy. */
export const HASTE = { stallMs: 10_000, retryMs: 5, attempts: 4 } as const;

/** Weights whose hash nobody knows before a server states it. */
export const NAME = 'timm';
