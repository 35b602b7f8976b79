// How much memory an adapter takes in one piece.

/** What decides how much a kernel can be given at once. */
export interface BufferLimits {
  readonly maxStorageBufferBindingSize: number;
  readonly maxBufferSize: number;
}

/** The largest tensor in bytes. */
export function bindable({ maxStorageBufferBindingSize, maxBufferSize }: BufferLimits): number {
  return Math.min(maxStorageBufferBindingSize, maxBufferSize);
}
