// The weights that are known by name: where they come from, what they are called in the cache, and what is known of
// their bytes. Hashes are those that their publishers state; none was made from a download of our own.

import { UsageError } from '../../errors.js';
import type { Preprocess } from '../../weights/archive.js';
import { quote } from '../../weights/text.js';
import manifest from './manifest.json';

export const SOURCE_NAMES = ['torchvision', 'timm', 'keras', 'keras-notop'] as const;
export type SourceName = (typeof SOURCE_NAMES)[number];

export interface KnownSource {
  readonly name: SourceName;
  /** Its name in the cache, and in a mirror's folder. */
  readonly file: string;
  readonly url: string;
  readonly format: string;
  readonly preprocess: Preprocess;
  /** Whether it has the dense layers and the 1000 classes. */
  readonly top: boolean;
  /** About; a MB is 10^6 bytes. */
  readonly megabytes: number;
  /** What the SHA-256 begins with: torchvision puts eight digits of it into the name. Lower-case hex, as is `md5`. */
  readonly sha256Prefix?: string;
  readonly md5?: string;
  readonly licence: string;
  readonly attribution: string;
  /** Where its publisher describes it. */
  readonly page: string;
}

export const KNOWN_SOURCES = manifest as readonly KnownSource[];

/** @throws UsageError for a name that nobody knows */
export function knownSource(name: string): KnownSource {
  const source = KNOWN_SOURCES.find((known) => known.name === name);
  if (source) return source;
  throw new UsageError(`there are no weights called ${quote(name)}: choose from ${SOURCE_NAMES.join(', ')}`);
}

/**
 * Where the file is downloaded from: `url` where one is given, else its name in the folder that VGG16_WEIGHTS_URL is
 * (`https://mirror/vgg?key=1` becomes `https://mirror/vgg/vgg16-397923af.pth?key=1`), else its publisher.
 *
 * @throws UsageError for what is no http or https URL
 */
export function downloadUrl({ file, url: publisher }: KnownSource, url?: string): URL {
  if (url !== undefined) return webUrl(url, '--url');
  const { VGG16_WEIGHTS_URL } = process.env;
  if (!VGG16_WEIGHTS_URL) return new URL(publisher);
  const mirror = webUrl(VGG16_WEIGHTS_URL, 'VGG16_WEIGHTS_URL');
  mirror.pathname = `${mirror.pathname.replace(/\/+$/, '')}/${file}`;
  return mirror;
}

function webUrl(text: string, from: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new UsageError(`${from} is no http or https address: ${quote(text)}`);
}

/** For messages and files: without password and query, either of which may be a secret. */
export function publicUrl({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}
