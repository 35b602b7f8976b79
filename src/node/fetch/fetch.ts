// Brings weights that are known by name into the cache: `vgg16 weights fetch NAME`.
//
//   cached?  --no-->  lock  -->  download into NAME.part  -->  hash what lies on the disk  -->  rename to NAME
//     |                            (attempts, resumed)           (pins, server's statements;
//     |                                                           opened, where nothing is pinned)
//    path
//
// For the command: `onProgress` is `(done, total) => progress.update(done, total)` of a progress bar in 'B', made with
// the total 0; `onNote` is a line for stderr. Errors are whole lines.

import { rename } from 'node:fs/promises';
import { WeightsError } from '../../errors.js';
import { callback, checkOptions, flag, group, type OptionRules, signal, text, whole } from '../../options.js';
import { refusing, syncFolder } from '../disk.js';
import { contradiction, describeClaim, hashFile, pinnedClaims, SIZE, STRUCTURE } from './claims.js';
import { download, PATIENCE, type Patience } from './download.js';
import { DownloadFault } from './http.js';
import { withLock } from './lock.js';
import { downloadUrl, type KnownSource, knownSource, publicUrl, type SourceName } from './manifest.js';
import { discardPart, type Part } from './part.js';
import { openWays } from './proxy.js';
import {
  type CachedWeights,
  makeFolder,
  misfit,
  type Places,
  placesOf,
  statFile,
  sweep,
  usableFile,
  writeSidecar,
} from './weights_cache.js';

export interface FetchOptions {
  /** Downloads from this URL of the file itself. Default: a mirror in VGG16_WEIGHTS_URL, else its publisher. */
  readonly url?: string | undefined;
  /** Never asks a server. Default: what VGG16_OFFLINE says, where it is neither empty nor 0. */
  readonly offline?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default: `weights` in the user's cache folder. */
  readonly folder?: string | undefined;
  /** Bytes that are there and bytes in all; 0 where the server does not say. Begins with what an earlier try got. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Called when all bytes are there, before they are verified. */
  readonly onDownloaded?: (() => void) | undefined;
  /** A line for people who wait: another process downloads, a server is asked again, the file is verified. */
  readonly onNote?: ((line: string) => void) | undefined;
  /** Default: PATIENCE. */
  readonly patience?: Partial<Patience> | undefined;
}

const FETCH_OPTIONS: OptionRules<FetchOptions> = {
  url: text,
  offline: flag,
  signal,
  folder: text,
  onProgress: callback(),
  onDownloaded: callback(),
  onNote: callback(),
  patience: group<Partial<Patience>>({ stallMs: whole(0), retryMs: whole(0), attempts: whole(1) }),
};

export interface FetchedWeights extends CachedWeights {
  /** Whether it was downloaded by this call rather than found. */
  readonly fetched: boolean;
}

/**
 * The weights in the cache: found there, or downloaded and verified.
 *
 * @param name  of the manifest; "torchvision"
 * @throws UsageError for an unknown name or a URL that is none; WeightsError where it cannot be had, with what to do by
 * hand, or is not what it should be; OutputError where the disk refuses; the signal's reason
 */
export async function fetchWeights(name: string, options: FetchOptions = {}): Promise<FetchedWeights> {
  checkOptions('fetchWeights()', options, FETCH_OPTIONS);
  const { url, offline = isOffline(), signal, folder, onNote = () => {} } = options;
  const source = knownSource(name);
  const places = placesOf(source, folder);
  // A URL that is none is a mistake even where nothing has to be downloaded.
  if (url !== undefined) downloadUrl(source, url);
  const found = async (by?: AbortSignal) => {
    const usable = await usableFile(source, places, by);
    return usable && { ...usable, fetched: false };
  };
  const before = await found(signal);
  if (before) return before;
  if (offline) {
    throw new WeightsError(
      `no ${name} weights in the cache, and offline: ${byHand(source, places)}, or leave --offline and VGG16_OFFLINE out`,
    );
  }
  const from = downloadUrl(source, url);
  await makeFolder(places);
  const onWait = () => onNote(`waiting for another process that fetches ${source.file}`);
  return withLock(places.lock, { signal, onWait }, async (held) => {
    const meanwhile = await found(held);
    return meanwhile ?? fetchInto(places, source, from, { ...options, signal: held });
  });
}

async function fetchInto(
  places: Places,
  source: KnownSource,
  url: URL,
  options: FetchOptions & { readonly signal: AbortSignal },
): Promise<FetchedWeights> {
  const { signal, onProgress = () => {}, onDownloaded = () => {}, onNote = () => {}, patience } = options;
  await sweep(places);
  const ways = await openWays();
  try {
    const part = await download({
      url,
      places,
      ways,
      signal,
      pinned: pinnedClaims(source),
      onProgress: (done, total = 0) => onProgress(done, total),
      onNote,
      patience: { ...PATIENCE, ...patience },
    });
    onDownloaded();
    onNote(`verifying ${source.file}`);
    return await promote(part, places, source, url, signal);
  } catch (error) {
    if (!(error instanceof DownloadFault)) throw error;
    throw new WeightsError(
      `cannot fetch the ${source.name} weights: ${error.message}; ${byHand(source, places)}, or name a mirror by VGG16_WEIGHTS_URL or a proxy by HTTPS_PROXY`,
      { cause: error },
    );
  } finally {
    await ways.close();
  }
}

/** Gives a part that is whole its name, if it is what it should be; otherwise removes it. */
async function promote(
  { size, state }: Part,
  places: Places,
  source: KnownSource,
  url: URL,
  signal: AbortSignal,
): Promise<FetchedWeights> {
  const pinned = pinnedClaims(source);
  const claims = [...pinned, ...state.claims];
  const hashes = await hashFile(places.part, {
    md5: claims.some(({ algorithm }) => algorithm === 'md5'),
    signal,
  });
  // What a server says of its own file does not make it a VGG16.
  const isVouchedFor = pinned.length > 0;
  const wrong =
    hashes.size === size
      ? (contradiction(claims, hashes) ?? (isVouchedFor ? undefined : await misfit(places.part, source)))
      : `size should be ${size}, but is ${hashes.size}`;
  if (wrong) {
    await discardPart(places);
    throw new WeightsError(
      `${publicUrl(url)}: what was downloaded is not the ${source.name} weights and was removed: its ${wrong}; try again, or another mirror`,
    );
  }
  const { sha256 } = hashes;
  const checked = [SIZE, ...(isVouchedFor ? [] : [STRUCTURE]), ...claims.map(describeClaim)];
  const { mtimeMs } = (await statFile(places.part))!;
  const verified = new Date().toISOString();
  // First, because a file without its sidecar would be taken for one that was put there by hand.
  await writeSidecar(places, {
    source: source.name,
    url: publicUrl(url),
    size,
    mtimeMs,
    sha256,
    checked,
    verified,
  });
  signal.throwIfAborted();
  await refusing(places.file, () => rename(places.part, places.file));
  await refusing(places.file, () => syncFolder(places.folder));
  await discardPart(places);
  return { name: source.name, path: places.file, size, sha256, checked, fetched: true };
}

/** The publisher's URL, because a mirror that fails is no help. */
function byHand({ url }: KnownSource, { file }: Places): string {
  return `download ${url} by hand and save it as ${file}`;
}

/** VGG16_OFFLINE says for every call what `offline` says for one. */
function isOffline(): boolean {
  return !['', '0', undefined].includes(process.env.VGG16_OFFLINE);
}

/** Weights with ImageNet's 1000 classes, in the order in which the cache is searched; the first is downloaded. */
const PREFERRED: readonly [SourceName, ...SourceName[]] = ['torchvision', 'timm', 'keras'];

/**
 * Finds or fetches weights with a classifier; files of the cache that are not what they should be are noted and passed
 * over. `preprocess` and `format` of the file: `knownSource(result.name)`.
 *
 * @throws as `fetchWeights`
 */
export async function findWeights(options: FetchOptions = {}): Promise<FetchedWeights> {
  const { folder, signal, onNote = () => {} } = options;
  const faults = new Map<SourceName, WeightsError>();
  for (const name of PREFERRED) {
    const source = knownSource(name);
    const usable = await usableFile(source, placesOf(source, folder), signal).catch((error: unknown) => {
      if (!(error instanceof WeightsError)) throw error;
      faults.set(name, error);
      return undefined;
    });
    if (!usable) continue;
    for (const { message } of faults.values()) onNote(message);
    return { ...usable, fetched: false };
  }
  // What is in its place keeps it from being fetched.
  const inTheWay = faults.get(PREFERRED[0]);
  if (inTheWay) throw inTheWay;
  for (const { message } of faults.values()) onNote(message);
  return fetchWeights(PREFERRED[0], options);
}
