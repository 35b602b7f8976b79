// Checks the licence of every dependency against the list below, and that docs/licences.md lists those that are installed with the package.
//   node scripts/licences.mjs           checks
//   node scripts/licences.mjs --write   writes docs/licences.md anew
import { readFileSync, writeFileSync } from 'node:fs';

const PAGE = 'docs/licences.md';

/** What may be installed with the package: licences that let anyone use it in any program. */
const SHIPPED = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

/** Read one by one. */
const READ = {
  h5wasm: 'NIST public domain, with HDF5 (BSD-3-Clause) inside',
};

/** libvips is a shared library beside sharp, which anyone may replace: that is what the LGPL asks for. */
const LIBVIPS = /^@img\/sharp-/;

/** What is only used to develop may be copyleft, too: none of it is in the package. */
const DEVELOPMENT = [
  ...SHIPPED,
  ...['BlueOak-1.0.0', 'CC-BY-4.0', 'LGPL-3.0-only', 'MIT OR Apache-2.0', 'MPL-2.0', 'Python-2.0'],
];

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const faults = [];
const shipped = new Map();
for (const [path, { version, license = 'none stated', dev }] of Object.entries(packages)) {
  const name = path.split('node_modules/').at(-1);
  if (name === '') continue;
  const isFine =
    (dev ? DEVELOPMENT : SHIPPED).includes(license) ||
    name in READ ||
    (LIBVIPS.test(name) && /LGPL/.test(license));
  if (!isFine)
    faults.push(
      `${name} ${version}: ${license}; look it up, and add it to scripts/licences.mjs if it is fine`,
    );
  if (!dev) shipped.set(`${name} ${version}`, [name, version, READ[name] ?? license]);
}

const rows = [...shipped.values()].sort(([a], [b]) => (a < b ? -1 : 1));
const page = `# Licences

The package itself is MIT, the weights in it CC BY 4.0 ([model card](../weights/README.md)). These packages are installed with it, some of
them on some systems only. The list is written by \`node scripts/licences.mjs --write\` and checked in CI.

| package | version | licence |
| --- | --- | --- |
${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}
`;

if (process.argv.includes('--write')) writeFileSync(PAGE, page);
else if (readFileSync(PAGE, 'utf8') !== page)
  faults.push(`${PAGE} is not up to date: node scripts/licences.mjs --write`);
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exit(1);
console.log(
  `${rows.length} packages installed with this one, ${Object.keys(packages).length - 1} in all: licences are fine`,
);
