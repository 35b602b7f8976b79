// All help texts, as they are: a change of one is seen in the change of this test's file.

import { describe, expect, it } from 'vitest';
import { vgg16 } from './support.js';

describe('help', () => {
  it('reads as it did', async () => {
    const texts: string[] = [];
    const commands: string[][] = [[]];
    for (const command of commands) {
      const { code, stdout, stderr } = await vgg16([...command, '--help']);
      expect([code, stderr], command.join(' ')).toEqual([0, []]);
      texts.push(`$ vgg16 ${[...command, '--help'].join(' ')}\n\n${stdout.trimEnd()}\n`);
      const [, list = ''] = /\nCommands:\n((?: {2}.*\n)+)/.exec(stdout) ?? [];
      for (const [, name] of list.matchAll(/^ {2}(\S+)/gm)) commands.push([...command, name!]);
    }
    await expect(texts.join(`\n${'-'.repeat(80)}\n`)).toMatchFileSnapshot('../golden/help.txt');
  });
});
