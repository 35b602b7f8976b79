// The user's cache folder: unpacked drivers, rendered drawings, and whatever else can be made again.

import envPaths from 'env-paths';

/** `VGG16_CACHE`, else the platform's own place (on Linux `$XDG_CACHE_HOME/vgg16-webgpu` or `~/.cache/vgg16-webgpu`). */
export function cacheFolder(): string {
  return process.env.VGG16_CACHE || envPaths('vgg16-webgpu', { suffix: '' }).cache;
}
