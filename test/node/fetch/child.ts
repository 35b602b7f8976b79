// Fetches in a process of its own, which a test may kill, put under limits, or take rights from:
//   node child.js '{"url": "...", "folder": "...", "user": 65534}'
// Says on stdout what came of it, one JSON object a line: {"note": "..."}, and {"fetched": true} or {"error": "..."}.

import { fetchWeights } from '../../../src/node/fetch/fetch.js';
import { HASTE, NAME } from './haste.js';

const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);
const { user, ...options } = JSON.parse(process.argv[2]!) as { url: string; folder: string; user?: number };
// Imported before the rights to read it may be gone.
await import('undici');
if (user !== undefined) process.setuid!(user);
try {
  const { fetched } = await fetchWeights(NAME, {
    ...options,
    patience: HASTE,
    onNote: (note) => say({ note }),
  });
  say({ fetched });
} catch (error) {
  say({ error: `${(error as Error).name}: ${(error as Error).message}` });
}
