#!/usr/bin/env node
// The command's first file. It has no imports of its own, so that it can tell what keeps the others from being loaded: too
// few descriptors, or Node's permission model.

try {
  await import('./main.js');
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const what =
    code === 'EMFILE' || code === 'ENFILE'
      ? 'too many files are open; allow more (ulimit -n)'
      : code === 'ERR_ACCESS_DENIED'
        ? "Node's permission model forbids it to read its own files; allow it (--allow-fs-read)"
        : String(message).split('\n')[0];
  process.stderr.write(`error: vgg16 cannot be loaded: ${what}\n`);
  process.exitCode = 1;
}

export {};
