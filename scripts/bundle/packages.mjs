// Which files of npm packages a bundle takes, and under which licences they stand.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

/** The files that these packages load when they are imported, from the first to the last. */
export async function filesReached(names) {
  const { metafile } = await build({
    stdin: { contents: names.map((name) => `require('${name}');`).join('\n'), resolveDir: process.cwd() },
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    preserveSymlinks: true,
    loader: { '.node': 'empty' },
    logLevel: 'error',
  });
  return packageFiles(metafile);
}

/** Those files of a bundle that come out of packages. */
export function packageFiles(metafile) {
  return Object.keys(metafile.inputs).filter((path) => path.startsWith('node_modules/'));
}

/** The folders of the packages that these files belong to. */
export function packagesOf(paths) {
  return [...new Set(paths.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)[0]))].sort();
}

/** Every package.json above these files, up to their packages': one within a package says that its folder is CommonJS. */
export function manifestsOf(paths) {
  const found = new Set();
  for (const path of paths) {
    const [root] = packagesOf([path]);
    for (let folder = dirname(path); folder.length >= root.length; folder = dirname(folder)) {
      const manifest = join(folder, 'package.json');
      if (existsSync(manifest)) found.add(manifest);
    }
  }
  return [...found];
}

/**
 * Text by file name: what each package says of its licence, and the licence. TensorFlow.js names one without bringing it,
 * and then it is another package's copy of the same.
 */
export function licencesOf(packages) {
  const found = packages.map((folder) => {
    const { name, version, license, author, repository } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    );
    const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
    const text = file && readFileSync(join(folder, file), 'utf8');
    const by = author?.name ?? author ?? '';
    const from = repository?.url ?? repository ?? '';
    return {
      name,
      license,
      text,
      head: [`${name} ${version}: ${license}`, by, from].filter(Boolean).join('\n'),
    };
  });
  const texts = new Map(found.flatMap(({ license, text }) => (text ? [[license, text]] : [])));
  return new Map(
    found.map(({ name, license, text = texts.get(license), head }) => {
      if (!text) throw new Error(`${name} is licensed as ${license}, and no package here has the text of it`);
      return [`${name.replace('/', '-')}.txt`, `${head}\n\n${text}`];
    }),
  );
}

/** That of the Node that runs this: it stands where its installer puts it. */
export function nodeLicence() {
  const prefix = join(process.execPath, '..', '..');
  for (const path of ['LICENSE', 'share/doc/nodejs/LICENSE', 'share/doc/node/LICENSE']) {
    if (existsSync(join(prefix, path))) return readFileSync(join(prefix, path), 'utf8');
  }
  throw new Error(`${prefix} holds no LICENSE of Node's; use a Node from nodejs.org`);
}
