// What WebGPU's errors and sizes are called in messages of one line.

/** An error that the device reported, with what may help. */
export function explain(error: GPUError): string {
  const text = messageOf(error);
  if (typeof GPUOutOfMemoryError !== 'undefined' && error instanceof GPUOutOfMemoryError) {
    return `the GPU is out of memory (${text}); try a smaller --batch`;
  }
  return text;
}

/** The first line of any error's message: Dawn adds one for each level of its call stack. */
export function messageOf(error: unknown): string {
  const text =
    error instanceof Error || (typeof error === 'object' && error !== null && 'message' in error)
      ? String(error.message)
      : String(error);
  return text.split('\n')[0] ?? text;
}

/** Bytes as MiB, for messages. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MiB`;
}
