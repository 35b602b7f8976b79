// child.ts, bundled once for the tests of the calling file, and its processes.

import { type ChildProcess, spawn } from 'node:child_process';
import { useProgram } from '../../support/program.js';

export interface Said {
  readonly note?: string;
  readonly fetched?: boolean;
  readonly error?: string;
}

export interface Child {
  readonly process: ChildProcess;
  /** All that it said, when it has ended. */
  readonly ended: Promise<readonly Said[]>;
}

export interface ChildOptions {
  readonly url: string;
  readonly folder: string;
  /** The id of a user without rights. Needs the rights of root. */
  readonly user?: number;
}

export interface ChildSurroundings {
  readonly env?: Readonly<Record<string, string>>;
  /** The largest file that it may write, in blocks of 1024 bytes. Not on Windows. */
  readonly fileBlocks?: number;
  readonly onSaid?: (said: Said) => void;
}

export function useChildren(): (options: ChildOptions, surroundings?: ChildSurroundings) => Child {
  const bundle = useProgram('test/node/fetch/child.ts');
  return (options, { env, fileBlocks, onSaid } = {}) => {
    const limit = fileBlocks === undefined ? [] : ['bash', '-c', `ulimit -f ${fileBlocks}; exec "$0" "$@"`];
    const [program, ...rest] = [...limit, process.execPath, bundle, JSON.stringify(options)];
    const child = spawn(program!, rest, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    const said: Said[] = [];
    child.stdout.setEncoding('utf8').on('data', (some: string) => {
      const lines = (text + some).split('\n');
      text = lines.pop()!;
      for (const line of lines) {
        const one = JSON.parse(line) as Said;
        said.push(one);
        onSaid?.(one);
      }
    });
    const ended = new Promise<readonly Said[]>((done, fail) => {
      child.on('error', fail);
      child.on('close', () => done(said));
    });
    return { process: child, ended };
  };
}
