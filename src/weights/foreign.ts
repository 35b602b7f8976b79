// What people take for a weights file, known by its content, and what to do instead.

import { FileFault } from './file.js';

export const KERAS_FILE = 'save the whole model as .keras (model.save("model.keras"))';
const OXFORDS =
  "Oxford's own numbers are read from Keras' file (--weights keras), others after a conversion to ONNX or Keras";

/** By how a file begins, a character for each byte. */
const BEGINNINGS: readonly (readonly [start: string | RegExp, what: string])[] = [
  [/^version https?:\/\/git-lfs/, 'a Git LFS pointer to a weights file: fetch it with `git lfs pull`'],
  [/^(\xef\xbb\xbf)?\s*</, 'a web page, not a weights file: the download failed'],
  ['\x1f\x8b', 'compressed with gzip: unpack it first (gunzip, or tar -xzf)'],
  [
    /^.{257}ustar/s,
    'a tar archive: unpack it; where a PyTorch before 0.1.10 wrote it, load it there and save it with a newer one',
  ],
  // Of protocols 2 to 5.
  ...['\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'].map(
    (start) =>
      [start, 'a Python pickle that torch.save() did not write: save the state_dict() with it'] as const,
  ),
  [/^....TFL3/s, `a TensorFlow Lite model (.tflite), which is not read: ${KERAS_FILE}`],
  [
    /^....ORTM/s,
    "a model in onnxruntime's own format (.ort), which is not read: give the .onnx file that it was made of",
  ],
  [
    /^\x93NUMPY.{4}\{'descr': '\|O'/s,
    'a NumPy file of Python objects (.npy), which is not read, as loading them may run code: set its numbers in a model ' +
      `of Keras or PyTorch, layer by layer, and save that; ${OXFORDS}`,
  ],
  [
    '\x93NUMPY',
    'a single NumPy array (.npy), not a network: save all of its arrays as .npz, in the names of PyTorch',
  ],
  [/^MATLAB [57]\.\d MAT-file/, `a MATLAB file (.mat), as of MatConvNet, which is not read: ${OXFORDS}`],
  [/^model_checkpoint_path:/, `the list of a TensorFlow checkpoint's files: ${checkpoint()}`],
  ['GGUF', 'a GGUF file, which is not read: give the file that it was made of'],
];

/** A TensorFlow checkpoint, for messages: what to do with it. */
export function checkpoint(): string {
  return `load it into the Keras model that wrote it (model.load_weights), and ${KERAS_FILE}`;
}

/** At the end of LevelDB's tables, which TensorFlow keeps the index of a checkpoint in. */
const TABLE_END = '\x57\xfb\x80\x8b\x24\x75\x47\xdb';

/** @throws FileFault for what is known by its beginning, a character for each byte */
export function refuseForeign(start: string): void {
  const found = BEGINNINGS.find(([begins]) =>
    typeof begins === 'string' ? start.startsWith(begins) : begins.test(start),
  );
  if (found) throw new FileFault(found[1]);
}

/** As `refuseForeign`, of what only looks like these where it is none of the formats that are read. */
export function refuseUnread(start: string, end: string): void {
  if (end.endsWith(TABLE_END)) throw new FileFault(`part of a TensorFlow checkpoint: ${checkpoint()}`);
  // saved_model_schema_version 1, then a MetaGraphDef.
  if (start.startsWith('\x08\x01\x12'))
    throw new FileFault(
      `the graph of a TensorFlow SavedModel, which is not read: load it in Keras and ${KERAS_FILE}`,
    );
  // A NodeDef with its name, the first of a GraphDef.
  if (/^\n[^\n]{1,5}\n/.test(start))
    throw new FileFault(`a frozen graph of TensorFlow, which is not read: ${KERAS_FILE}`);
}

/** Whether it begins as a NetParameter: its name, then its layers, of either version, or its input. */
export function isCaffe(start: string): boolean {
  const length = start.charCodeAt(1);
  const name = start.slice(2, 2 + length);
  const next = start.slice(2 + length);
  return (
    start.startsWith('\n') &&
    length < 128 &&
    /^[ -~]*$/.test(name) &&
    ['\xa2\x06', '\x12', '\x1a'].some((tag) => next.startsWith(tag))
  );
}

/** What is said of a JSON file that is no model.json of TensorFlow.js. */
export function foreignJson(json: unknown): string {
  const has = (key: string) => typeof json === 'object' && json !== null && key in json;
  if (has('class_name')) return `the description of a Keras model, without its weights: ${KERAS_FILE}`;
  if (has('architectures') || has('architecture'))
    return 'the configuration of a model, without its weights: give its folder, or the file beside it, model.safetensors';
  return 'a JSON file, but not a model of TensorFlow.js: it has no weightsManifest';
}
