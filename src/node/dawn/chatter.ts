// Keeps Dawn's warnings about drivers off the user's screen.
//
// While Dawn looks for adapters it writes lines such as "Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced"
// or "Warning: Couldn't load Vulkan" to C's stderr. Its Node binding offers no way to be told of them instead. To redirect file
// descriptor 2 would take what Node, other threads and child processes write there as well. So it is glibc's variable `stderr`,
// which programs may set, that points to memory for as long as the search takes, a call that returns when it is over. Only what
// native code writes in that time arrives there, and all of it that is no warning of Dawn's is passed on afterwards.
//
// Two threads that search at the same moment may let each other's warnings through. A driver that ends the process during the
// search takes its last words with it: VGG16_DEBUG=1 shows them. `koffi` calls glibc; where either is missing, nothing is held
// back.

import type koffi from 'koffi';

/** C's stderr, which can be pointed to memory. */
interface Stderr {
  redirect(): void;
  /** @returns what was written since `redirect` */
  restore(): string;
}

let found: Promise<Stderr | undefined> | undefined;

/** Makes a call. What native code writes during it is heard; what it does after it has returned, as behind a promise, is not. */
export type Quietly = <T>(call: () => T) => T;

/** How to make calls without Dawn's warnings on stderr; with them where the environment has VGG16_DEBUG=1. */
export async function withoutChatter(): Promise<Quietly> {
  if (process.env.VGG16_DEBUG === '1' || process.platform !== 'linux') return (call) => call();
  found ??= import('koffi').then(({ default: library }) => findStderr(library)).catch(() => undefined);
  const stderr = await found;
  if (!stderr) return (call) => call();
  return (call) => {
    stderr.redirect();
    try {
      return call();
    } finally {
      const others = withoutWarnings(stderr.restore());
      if (others !== '') process.stderr.write(others);
    }
  };
}

/** What is none of Dawn's warnings, whose further lines are indented or empty. */
export function withoutWarnings(text: string): string {
  let isWarning = false;
  const others = text.split(/(?<=\n)/).filter((line) => {
    isWarning = line.startsWith('Warning: ') || (isWarning && /^(?:\s+at |\s*$)/.test(line));
    return !isWarning;
  });
  return others.join('');
}

/** @throws where the C library is not glibc */
function findStderr({ load, alloc, encode, decode }: typeof koffi): Stderr {
  const libc = load(null);
  const variable = libc.symbol('stderr');
  // Not what the variable holds now: another thread may have redirected it at this moment.
  const own = libc.symbol('_IO_2_1_stderr_');
  const fflush = libc.func('int fflush(void *stream)');
  const rewind = libc.func('void rewind(void *stream)');
  const openMemory = libc.func('void *open_memstream(void *text, void *length)');
  // None of these is ever freed: a thread that wrote at the moment of `restore` may still hold the stream.
  const text = alloc('void *', 1);
  const length = alloc('size_t', 1);
  const memory = openMemory(text, length);
  if (!memory) throw new Error('open_memstream() gives no stream');
  return {
    redirect() {
      rewind(memory);
      encode(variable, 'void *', memory);
    },
    restore() {
      encode(variable, 'void *', own);
      fflush(memory); // only then are `text` and `length` those of what was written
      return decode(decode(text, 'void *'), 'char', Number(decode(length, 'size_t'))) as string;
    },
  };
}
