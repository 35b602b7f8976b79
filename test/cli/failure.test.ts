import { CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Interrupted, ReaderGone, report, stdoutFailure } from '../../src/cli/failure.js';
import { Terminal } from '../../src/cli/terminal.js';
import { DeviceLostError, OutputError, UsageError } from '../../src/errors.js';

beforeEach(() => {
  vi.stubEnv('NO_COLOR', '1');
  vi.stubEnv('VGG16_DEBUG', undefined);
});
afterEach(() => vi.unstubAllEnvs());

/** What is said of an error, and the exit code. */
function reported(error: unknown, reason?: Error): { code: number; said: string } {
  let said = '';
  const stderr = {
    write: (text: string) => {
      said += text;
    },
  };
  const signal = reason ? AbortSignal.abort(reason) : new AbortController().signal;
  return { code: report(error, new Terminal(stderr, stderr, signal)), said };
}

describe('report', () => {
  it("says a known error's message, on one line, and takes its exit code", () => {
    expect(reported(new UsageError('no such layer'))).toEqual({ code: 2, said: 'error: no such layer\n' });
    expect(reported(new OutputError('cannot write a\nb'))).toEqual({
      code: 8,
      said: 'error: cannot write a\\nb\n',
    });
  });

  it('of an unknown error says that it is one, and where with VGG16_DEBUG=1', () => {
    const error = new TypeError('x is not a function\nat all', { cause: new RangeError('deep') });
    const line = 'error: unexpected: x is not a function (VGG16_DEBUG=1 shows where; please report it)\n';
    expect(reported(error)).toEqual({ code: 1, said: line });
    expect(reported('thrown text').said).toContain('unexpected: thrown text (');
    vi.stubEnv('VGG16_DEBUG', '1');
    const { code, said } = reported(error);
    expect(code).toBe(1);
    expect(said.startsWith(line)).toBe(true);
    expect(said).toMatch(/TypeError: x is not a function.*failure\.test\.ts.*caused by RangeError: deep/s);
  });

  it('says nothing of what commander has said', () => {
    expect(reported(new CommanderError(0, 'commander.helpDisplayed', 'help'))).toEqual({ code: 0, said: '' });
    expect(reported(new CommanderError(1, 'commander.unknownOption', 'x'))).toEqual({ code: 2, said: '' });
  });

  it('after an abort tells its reason, whatever broke because of it', () => {
    const lost = new DeviceLostError('the GPU was disposed of while it was still in use');
    expect(reported(lost, new Interrupted())).toEqual({ code: 130, said: 'error: interrupted\n' });
    expect(reported(lost, new ReaderGone())).toEqual({ code: 0, said: '' });
    const full = stdoutFailure(Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' }));
    expect(reported(undefined, full)).toEqual({
      code: 8,
      said: 'error: cannot write to the standard output: ENOSPC: no space\n',
    });
  });
});

describe('stdoutFailure', () => {
  it('takes a closed pipe for a reader that has enough', () => {
    expect(stdoutFailure(Object.assign(new Error('EPIPE'), { code: 'EPIPE' }))).toBeInstanceOf(ReaderGone);
  });
});
