// All help texts, as they are: a change of one is seen in the change of this test's file.

import { describe, expect, it } from 'vitest';
import { vgg16 } from './support.js';

/** Every group of commands; the program's own have names. */
const COMMANDS = /\n(?:Commands|Start here|Classifiers|Weights and features|This machine):\n((?: {2}.*\n)+)/g;

describe('help', () => {
  it('of the program fits one screen, and begins with what most people want', async () => {
    const { stdout } = await vgg16(['--help']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(40);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/Start here:\n {2}train .*\n {2}classify .*\n {2}bench /);
  });

  it('reads as it did, and keeps within 80 columns', async () => {
    const texts: string[] = [];
    const commands: string[][] = [[]];
    for (const command of commands) {
      const { code, stdout, stderr } = await vgg16([...command, '--help']);
      expect([code, stderr], command.join(' ')).toEqual([0, []]);
      expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
      texts.push(`$ vgg16 ${[...command, '--help'].join(' ')}\n\n${stdout.trimEnd()}\n`);
      for (const [, list] of stdout.matchAll(COMMANDS))
        for (const [, name] of list!.matchAll(/^ {2}(\S+)/gm)) commands.push([...command, name!]);
    }
    expect(commands.length).toBeGreaterThan(25);
    await expect(texts.join(`\n${'-'.repeat(80)}\n`)).toMatchFileSnapshot('../golden/help.txt');
  });
});
