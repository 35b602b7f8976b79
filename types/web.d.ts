// The globals of the web that the core uses, no more of each than it uses. Browsers and Node have them all; to compile with
// the whole DOM library would let `document` through, with Node's types `process`.

declare class URL {
  constructor(url: string, base?: string | URL);
  readonly href: string;
  readonly protocol: string;
}

declare class AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

declare class TextDecoder {
  constructor(label?: string, options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean });
  decode(bytes?: AllowSharedBufferSource, options?: { readonly stream?: boolean }): string;
}

declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}

type AllowSharedBufferSource = ArrayBufferLike | ArrayBufferView;

declare function atob(base64: string): string;

declare const performance: { now(): number };

declare function setTimeout(call: () => void, milliseconds?: number): number;
declare function clearTimeout(timer: number | undefined): void;

/** A transforming stream, as far as bytes go in and out. */
declare class DecompressionStream {
  constructor(format: 'deflate-raw');
  readonly writable: {
    getWriter(): {
      write(chunk: Uint8Array<ArrayBuffer>): Promise<void>;
      close(): Promise<void>;
      abort(reason: unknown): Promise<void>;
    };
  };
  readonly readable: {
    getReader(): {
      read(): Promise<
        | { readonly done: false; readonly value: Uint8Array<ArrayBuffer> }
        | { readonly done: true; readonly value?: undefined }
      >;
      cancel(): Promise<void>;
    };
  };
}

declare class Blob {
  constructor(parts: readonly Uint8Array<ArrayBuffer>[]);
  readonly size: number;
  slice(start: number, end: number): Blob;
  arrayBuffer(): Promise<ArrayBuffer>;
}

declare function fetch(
  url: string,
  options?: { readonly signal?: AbortSignal },
): Promise<{
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): ReturnType<DecompressionStream['readable']['getReader']> } | null;
}>;
