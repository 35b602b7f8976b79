// Writes zip archives by hand, so that anything in them can be wrong. Check sums are left out: nobody here looks at them.

import { deflateRawSync } from 'node:zlib';
import { openFile } from '../../src/node/files.js';
import type { Random } from '../../src/random.js';
import { openZip } from '../../src/weights/formats/zip.js';
import { write } from './files.js';
import { type Mutate, mutated } from './fuzz.js';

export interface EntryToZip {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly deflate?: boolean | undefined;
  /** The unpacked size that the archive claims instead of the true one. */
  readonly claim?: number | undefined;
  readonly method?: number | undefined;
  readonly flags?: number | undefined;
}

export function zipBytes(entries: readonly EntryToZip[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, deflate = false, claim = bytes.length, flags = 0, ...entry } of entries) {
    const data = deflate ? deflateRawSync(bytes) : Buffer.from(bytes);
    const nameBytes = Buffer.from(name);
    // version, flags, method, time, date, check sum, sizes, lengths of name and extra field
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(flags, 2);
    fields.writeUInt16LE(entry.method ?? (deflate ? 8 : 0), 4);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(claim, 18);
    fields.writeUInt16LE(nameBytes.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, nameBytes, data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\0', 'latin1'), fields, tail, nameBytes);
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, end]);
}

/** A way to change one entry of an archive and pack it again, whole to all appearance. */
export function mutatedEntry(folder: string): Mutate {
  const unpacked = new Map<Buffer, Promise<EntryToZip[]>>();
  return async (bytes: Buffer, random: Random) => {
    const entries = await (unpacked.get(bytes) ?? unzip(write(folder, 'original.zip', bytes)));
    unpacked.set(bytes, Promise.resolve(entries));
    // Descriptions are short, and lead further than numbers.
    const described = entries.findIndex(({ name }) => DESCRIPTION.test(name));
    const chosen = random.below(4) === 0 ? random.below(entries.length) : Math.max(0, described);
    return zipBytes(
      entries.map((entry, i) =>
        i === chosen && entry.bytes.length > 0
          ? { ...entry, bytes: mutated(Buffer.from(entry.bytes), random) }
          : entry,
      ),
    );
  };
}

const DESCRIPTION = /data\.pkl$|config\.json$/;

async function unzip(path: string): Promise<EntryToZip[]> {
  const zip = await openZip(await openFile(path));
  try {
    return await Promise.all(
      [...zip.entries.values()].map(async ({ name, size, method }) => {
        return { name, bytes: await zip.bytes(name, size), deflate: method === 8 };
      }),
    );
  } finally {
    await zip.close();
  }
}
