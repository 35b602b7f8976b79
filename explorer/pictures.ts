// Images from files, the clipboard, the camera and the included drawings, as pixels of the network's size.

import { PictureError } from '../src/errors.js';
import { frame, framingForSize } from '../src/image/framing.js';
import type { Picture } from '../src/image/picture.js';

/** What an image is decoded to at most, per side: more would only be resized. */
const LARGEST_SIDE = 1024;

/** An image at hand. */
export interface Shown {
  readonly name: string;
  /** Larger than any network reads. */
  readonly bitmap: ImageBitmap;
}

/** @throws PictureError for what the browser cannot decode */
export async function shownFile(file: Blob, name: string): Promise<Shown> {
  const bitmap = await createImageBitmap(file).catch((error: Error) => {
    throw new PictureError(`${name}: no image that this browser can decode`, { cause: error });
  });
  return { name, bitmap };
}

/** @throws PictureError as `shownFile` */
export async function shownAddress(address: string, name: string): Promise<Shown> {
  const image = new Image();
  image.src = address;
  await image.decode().catch((error: Error) => {
    throw new PictureError(`${name}: no image that this browser can decode`, { cause: error });
  });
  return { name, bitmap: await createImageBitmap(image) };
}

/** One picture from the camera, which is off again afterwards. @throws PictureError where there is none, or it may not be used */
export async function shownCamera(): Promise<Shown> {
  const stream = await navigator.mediaDevices?.getUserMedia({ video: true }).catch((error: Error) => {
    throw new PictureError(`the camera gives no image (${error.message})`, { cause: error });
  });
  if (!stream) throw new PictureError('this page may not use the camera');
  try {
    const video = document.createElement('video');
    video.muted = true;
    video.srcObject = stream;
    await video.play();
    return { name: 'camera', bitmap: await createImageBitmap(video) };
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

/** The image as the network sees it: framed as `vgg16 classify` frames it. */
export function pixelsOf(shown: Shown, size: number): Picture {
  return frame(decoded(shown), framingForSize(size), shown.name);
}

/** All of the image, what is transparent laid on white. @param largest  side in px; larger images are reduced to it by the browser */
export function decoded({ bitmap }: Shown, largest = LARGEST_SIDE): Picture {
  const scale = Math.min(1, largest / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = new OffscreenCanvas(width!, height!);
  const context = canvas.getContext('2d')!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width!, height!);
  context.drawImage(bitmap, 0, 0, width!, height!);
  const { data } = context.getImageData(0, 0, width!, height!);
  const rgb = new Uint8Array(width! * height! * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4) {
    rgb[to++] = data[from]!;
    rgb[to++] = data[from + 1]!;
    rgb[to++] = data[from + 2]!;
  }
  return { width: width!, height: height!, data: rgb };
}

/** Paints pixels on a canvas, which takes their size. */
export function paintPicture(canvas: HTMLCanvasElement, { width, height, data }: Picture): void {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let p = 0; p < width * height; p++) {
    image.data.set(data.subarray(3 * p, 3 * p + 3), 4 * p);
    image.data[4 * p + 3] = 255;
  }
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}
