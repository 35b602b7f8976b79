// What binaries in a bundle may ask of the machine that they come to.
import { readFileSync } from 'node:fs';

/** Of every Linux with glibc that runs programs in C++. */
const USUAL = /^(linux-vdso|ld-linux-x86-64|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+))\.so\b/;

/** As the bundle's README says: Debian 12 and Ubuntu 22.04 have them. */
const NEWEST = { GLIBC_2: 34, 'GLIBCXX_3.4': 30 };

/** Fails where this Node was built against libraries that another machine will not have, as a distribution's may be. */
export function checkNodesLibraries() {
  process.report.excludeNetwork = true;
  const { sharedObjects } = process.report.getReport();
  const names = sharedObjects.map((path) => path.split('/').at(-1)).filter((name) => name.includes('.so'));
  const unusual = names.filter((name) => !USUAL.test(name));
  if (unusual.length === 0) return;
  throw new Error(`${process.execPath} needs ${unusual.join(' ')}; use a Node from nodejs.org`);
}

/** Fails for a binary that wants a newer glibc or libstdc++ than the bundle says. */
export function checkVersions(path) {
  const text = readFileSync(path, 'latin1');
  for (const [prefix, newest] of Object.entries(NEWEST)) {
    const versions = [...text.matchAll(new RegExp(`\\b${prefix}\\.(\\d+)\\0`, 'g'))].map(([, minor]) =>
      Number(minor),
    );
    const wanted = Math.max(0, ...versions);
    if (wanted > newest) throw new Error(`${path} needs ${prefix}.${wanted}, and the bundle says ${newest}`);
  }
}
