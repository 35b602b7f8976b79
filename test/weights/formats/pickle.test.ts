// The stack machine behind a pickle: what it makes, and what it refuses. Pickles are put together by hand.

import { expect, test } from 'vitest';
import { FileFault } from '../../../src/weights/file.js';
import { OpaqueObject, readPickle } from '../../../src/weights/formats/pickle.js';
import { PickleEnd } from '../../../src/weights/formats/pickle_bytes.js';
import { TORCH_PICKLE } from '../../../src/weights/formats/torch_pickle.js';

/** Each letter is a byte. */
function pickle(...parts: string[]): Buffer {
  return Buffer.from(parts.join(''), 'latin1');
}

const read = (...parts: string[]) => readPickle(pickle(...parts), 0, TORCH_PICKLE).value;

const SHORT = (text: string) => `\x8c${String.fromCharCode(text.length)}${text}`;

test.each<[string, Buffer, unknown]>([
  ['None, True, False', pickle('(N\x88\x89t.'), [null, true, false]],
  ['whole numbers of 1, 2 and 4 bytes', pickle('(K\xffM\xff\xffJ\xfe\xff\xff\xfft.'), [255, 65535, -2]],
  ['long whole numbers', pickle('(\x8a\0\x8a\x01\x80\x8a\x02\xff\0\x8b\x01\0\0\0\x07t.'), [0, -128, 255, 7]],
  [
    'whole numbers over 2^53',
    pickle('\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.'),
    0x1950a86a20f9469cfc6cn,
  ],
  ['a float', pickle('G\x3f\xf8\0\0\0\0\0\0.'), 1.5],
  ['strings', pickle('(\x8c\x02\xc3\xa9X\x01\0\0\0aU\x01\xe9t.'), ['é', 'a', 'é']],
  ['bytes', pickle('C\x02\x01\x02.'), Buffer.from([1, 2])],
  [
    'tuples of 0 to 3',
    pickle('()K\x01\x85K\x01K\x02\x86K\x01K\x02K\x03\x87t.'),
    [[], [1], [1, 2], [1, 2, 3]],
  ],
  ['a list', pickle(']K\x01a(K\x02K\x03e.'), [1, 2, 3]],
  [
    'a dictionary',
    pickle('}K\x01K\x02s(K\x03K\x04u.'),
    new Map([
      [1, 2],
      [3, 4],
    ]),
  ],
  [
    'what is remembered',
    pickle('K\x05q\x07K\x06r\xff\xff\xff\xffK\x01h\x07j\xff\xff\xff\xff\x87.'),
    [1, 5, 6],
  ],
  ['what is memoised, and frames', pickle('\x80\x04\x95\0\0\0\0\0\0\0\0K\x09\x94h\0\x86.'), [9, 9]],
  ['an OrderedDict', pickle('ccollections\nOrderedDict\n)R.'), new Map()],
  [
    'an OrderedDict of pairs, as Python 2 writes it',
    pickle('ccollections\nOrderedDict\n]]U\x01aaK\x01aa\x85R.'),
    new Map([['a', 1]]),
  ],
  ['one that is named on the stack', pickle(SHORT('torch'), SHORT('Size'), '\x93K\x02\x85\x85\x81.'), [2]],
  ['attributes are left out', pickle('}}K\x01K\x02sb.'), new Map()],
])('%s', (_, bytes, value) => {
  expect(readPickle(bytes, 0, TORCH_PICKLE)).toEqual({ value, end: bytes.length });
});

test('a pickle begins and ends anywhere in its bytes', () => {
  const bytes = pickle('xxK\x01.yy');
  expect(readPickle(bytes, 2, TORCH_PICKLE)).toEqual({ value: 1, end: 5 });
});

test.each([
  ['cos\nsystem\n', 'os.system'],
  ['cposix\nsystem\n', 'posix.system'],
  ['c__builtin__\neval\n', '__builtin__.eval'],
  ['cbuiltins\ngetattr\n', 'builtins.getattr'],
  ['ctorch.storage\n_load_from_bytes\n', 'torch.storage._load_from_bytes'],
  ['ctorchvision.models.vgg\nVGG\n', 'torchvision.models.vgg.VGG'],
  [`${SHORT('os')}${SHORT('system')}\x93`, 'os.system'],
  ['ctorch\n__proto__\n', 'torch.__proto__'],
  ['cconstructor\nconstructor\n', 'constructor.constructor'],
])('%j is named, and not called: an object that holds what the pickle puts into it', (parts, name) => {
  expect(read(parts, '.')).toMatchObject({ name });
  const held = read(parts, ')R}K\x01K\x02sbK\x03aK\x04K\x05s.');
  expect(held).toBeInstanceOf(OpaqueObject);
  expect(held).toEqual({ className: name, state: new Map([[1, 2]]), items: [3], entries: new Map([[4, 5]]) });
});

test('what an unknown function gives may be called itself, and is another such object', () => {
  expect(read('cbuiltins\ngetattr\n', ')R)R.')).toMatchObject({ className: 'builtins.getattr' });
});

test('a quantised tensor is refused by its name', () => {
  expect(() => read('ctorch._utils\n_rebuild_qtensor\n', '.')).toThrow(
    /a quantised network is not supported/,
  );
});

test.each([
  ['0.', 'byte 0: the stack is empty'],
  ['.', 'byte 0: the stack is empty'],
  ['K\x01(0.', 'byte 3: the stack is empty'],
  ['K\x01\x86.', 'byte 2: the stack is empty'],
  ['2.', 'byte 0: the stack is empty'],
  ['t.', 'byte 0: there is no mark on the stack'],
  ['u.', 'byte 0: there is no mark on the stack'],
  ['K\x01(K\x02e.', 'byte 5: appends to what is no list'],
  ['K\x01K\x02K\x03s.', 'byte 6: sets an item of what is no dictionary'],
  ['}(K\x01u.', 'byte 4: a key without a value'],
  ['h\x05.', 'byte 0: nothing was remembered as number 5'],
  ['j\xff\xff\xff\x7f.', 'byte 0: nothing was remembered as number 2147483647'],
  ['K\x01)R.', 'byte 3: calls what is no function'],
  ['N)R.', 'byte 2: calls what is no function'],
  ['ctorch\nFloatStorage\n)R.', 'calls "torch.FloatStorage"'],
  ['ctorch\nSize\nK\x01R.', 'calls "torch.Size"'],
  ['K\x01K\x02\x93.', 'byte 4: a name is no string'],
  ['\x80\x06.', 'byte 0: protocol 6 is not known'],
  ['\x82\x01.', 'byte 0: instruction 0x82 is none that PyTorch writes'],
  ['I01\n.', 'byte 0: instruction 0x49 is none that PyTorch writes'],
  ['\x8a\xff', 'byte 0: a whole number of 255 bytes'],
  ['\x8b\xff\xff\xff\x7f', 'byte 0: a whole number of 2147483647 bytes'],
  [`c${'a'.repeat(2000)}`, 'byte 0: a name without end'],
  ['K\x01Q.', 'byte 2: refers to what is no storage'],
  ['(U\x07storageNNNNtQ.', 'a storage without type, name or length'],
  ['ctorch._utils\n_rebuild_tensor_v2\n(NK\0))tR.', 'a tensor without storage, or of impossible size'],
  [`}X\xe9\x03\0\0${'a'.repeat(1001)}Ns.`, 'a key of 1001 letters'],
  [`ccollections\nOrderedDict\n]X\xe9\x03\0\0${'a'.repeat(1001)}N\x86a\x85R.`, 'a key of 1001 letters'],
  ['ccollections\nOrderedDict\nK\x01\x85R.', 'a dictionary of what is no list of pairs'],
  ['ccollections\nOrderedDict\n]K\x01a\x85R.', 'a dictionary of what is no pair'],
])('%j: %s', (parts, message) => {
  const act = () => read(parts);
  expect(act).toThrow(FileFault);
  expect(act).toThrow(message);
});

test('strings, lists and all else that claims more than there is: the end, nothing is allocated', () => {
  for (const start of [
    'X\xff\xff\xff\xff',
    '\x8d\xff\xff\xff\xff\xff\xff\xff\x7f',
    'B\xff\xff\xff\x7f',
    'T\xff\xff\xff\x7f',
  ]) {
    expect(() => read(start, 'abc')).toThrow(PickleEnd);
  }
});

test('cut off anywhere: the end', () => {
  const whole = pickle(
    '\x80\x02}(X\x01\0\0\0aM\x01\x02U\x01bcollections\nOrderedDict\n)Ru.'.replace('bc', 'bcc'),
  );
  expect(readPickle(whole, 0, TORCH_PICKLE).value).toEqual(
    new Map<string, unknown>([
      ['a', 513],
      ['b', new Map()],
    ]),
  );
  for (let length = 0; length < whole.length; length++) {
    expect(() => readPickle(whole.subarray(0, length), 0, TORCH_PICKLE), `${length}`).toThrow(PickleEnd);
  }
});

test('nested deep, it is as deep; more containers than any state dict has are refused', () => {
  expect(() => read(']'.repeat(50_000), 'a'.repeat(49_999), '.')).not.toThrow();
  expect(() => read('}'.repeat(200_000), '.')).toThrow('more than 100000 lists, dictionaries and tensors');
  expect(() => read('K\x01'.repeat(600_000), '.')).toThrow('the pickle has more than 500000 instructions');
});
