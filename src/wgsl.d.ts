/** A kernel's text, inlined by the bundler. */
declare module '*.wgsl' {
  const text: string;
  export default text;
}

/** The program of a worker thread, bundled and inlined by the bundler: see scripts/worker_text.mjs. */
declare module '*?worker' {
  const text: string;
  export default text;
}

/** The package's version, from package.json, set by the bundler. */
declare const __VERSION__: string;

/** The commit that was built, `-dirty` where files differed from it; set by the bundler. */
declare const __COMMIT__: string;
