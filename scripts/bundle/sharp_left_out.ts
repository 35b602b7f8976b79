// What stands for sharp in the bundle, whose benchmarks make their pictures: a library of 20 MB that decodes them.

import { PictureError } from '../../src/errors.js';

/** @throws PictureError always */
export default function sharp(): never {
  throw new PictureError('this bundle is for benchmarks and reads no pictures: npm install vgg16-webgpu');
}
