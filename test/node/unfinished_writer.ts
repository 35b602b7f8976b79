// Begins to write the file that is named, says so, and never ends: to be killed.

import { writeAtomically } from '../../src/node/atomic_file.js';

await writeAtomically(process.argv[2]!, async (append) => {
  await append(Buffer.from('half of it'));
  process.stdout.write('writing\n');
  await new Promise((resolve) => setTimeout(resolve, 60_000));
});
