// What is made of Keras' descriptions of models, and of files that have none: real ones, changed in one place.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFile } from '../../../src/node/files.js';
import { openKerasH5 } from '../../../src/node/hdf5/keras_h5.js';
import { decideActivation } from '../../../src/weights/activation.js';
import type { FoundLayer } from '../../../src/weights/archive.js';
import { findKeras } from '../../../src/weights/dialects/keras.js';
import type { KerasArchive, KerasLayer } from '../../../src/weights/formats/keras_layers.js';

interface LayerConfig {
  class_name: string;
  name?: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever Keras says, to be changed to what it must not say
  config: any;
  inbound_nodes?: unknown;
}

const archives: Record<string, KerasArchive> = {};

beforeAll(async () => {
  for (const name of ['keras2_nested', 'keras2_flat', 'keras2_sigmoid', 'keras2_full', 'keras3_nested']) {
    archives[name] = await openKerasH5(await openFile(`test/golden/keras/${name}.h5`));
  }
  for (const name of ['keras3_nested', 'keras3_full']) {
    archives[`${name}.weights`] = await openKerasH5(await openFile(`test/golden/keras/${name}.weights.h5`));
  }
});
afterAll(() => Promise.all(Object.values(archives).map((archive) => archive.close())));

/** An archive whose description has been changed. */
function changed(
  name: string,
  change: (layers: LayerConfig[], byName: (name: string) => LayerConfig) => void,
) {
  const archive = archives[name]!;
  const config = structuredClone(archive.config) as LayerConfig;
  const { layers } = config.config;
  const within = (list: LayerConfig[]): LayerConfig[] => [
    ...list,
    ...list.flatMap((layer) => within(layer.config.layers ?? [])),
  ];
  change(layers, (wanted) => within(layers).find((layer) => layer.config.name === wanted)!);
  return { ...archive, config };
}

/** An archive of weights alone, its layers changed. */
function weightsOnly(name: string, change: (layers: KerasLayer[]) => KerasLayer[] = (layers) => layers) {
  return { ...archives[name]!, config: undefined, layers: change([...archives[name]!.layers]) };
}

const namesOf = (layers: readonly FoundLayer[]) => layers.map(({ kernel }) => kernel.name);

describe('a Sequential model around VGG16', () => {
  it('is a chain', async () => {
    const { convs, dense, pool, preprocess } = await findKeras(archives.keras2_nested!);
    expect(namesOf(convs)[0]).toBe('model_weights/vgg16/block1_conv1/kernel:0');
    expect(namesOf(dense)).toEqual([
      'model_weights/dense/dense/kernel:0',
      'model_weights/dense_1/dense_1/kernel:0',
    ]);
    expect({ pool, preprocess }).toEqual({ pool: 'avg', preprocess: 'caffe' });
  });

  it('may vary its pictures in training', async () => {
    const archive = changed('keras2_nested', (layers) =>
      layers.splice(1, 0, { class_name: 'RandomFlip', config: { name: 'flip' } }),
    );
    expect((await findKeras(archive)).notes).toContain(
      'left out: flip (RandomFlip), which acts in training only',
    );
  });

  it('is told apart by places where a file has lost the names', async () => {
    const lost = archives['keras3_nested.weights']!.layers.map((layer) => ({ ...layer, names: [] }));
    const found = await findKeras({ ...archives.keras3_nested!, layers: lost });
    expect(namesOf(found.dense)).toEqual(['layers/dense/vars/0', 'layers/dense_1/vars/0']);
    expect(namesOf(found.convs)[12]).toBe('layers/functional/layers/conv2d_12/vars/0');
  });

  it('is told by order where names differ', async () => {
    const renamed = archives.keras2_nested!.layers.map((layer) => ({
      ...layer,
      names: layer.names.map((name) => `${name}_1`),
    }));
    const found = await findKeras({ ...archives.keras2_nested!, layers: renamed });
    expect(found).toEqual(await findKeras(archives.keras2_nested!));
  });
});

describe('activations', () => {
  it('may be layers of their own', async () => {
    expect((await findKeras(archives.keras2_flat!)).dense.map(({ kernel }) => kernel.shape)).toEqual([
      [9, 8, 2, 2],
      [4, 9],
    ]);
  });

  it('a single sigmoid becomes two classes, the first of which has logit 0', async () => {
    const found = await findKeras(archives.keras2_sigmoid!);
    expect(found.activation).toBe('sigmoid');
    const { dense, notes, activation } = decideActivation('x.h5', found);
    const { kernel, bias } = dense[0]!;
    expect([kernel.shape, bias.shape, activation]).toEqual([[2, 8, 2, 2], [2], 'softmax']);
    expect(notes.some((note) => note.includes('two classes with logits (0, z)'))).toBe(true);
    const original = archives.keras2_sigmoid!.tensors.get('model_weights/dense_4/dense_4/kernel:0')!;
    const values = new Float32Array(32);
    await original.storage.read(0, values);
    const doubled = new Float32Array(64).fill(7);
    await kernel.storage.read(0, doubled.subarray(0, 20));
    await kernel.storage.read(20, doubled.subarray(20, 50));
    await kernel.storage.read(50, doubled.subarray(50));
    expect(doubled).toEqual(new Float32Array([...new Float32Array(32), ...values]));
  });

  it.each([
    ['dense', 'tanh', 'layer "dense" (Dense) has activation "tanh": only relu is supported there'],
    ['dense', 'linear', 'layer "dense" (Dense) has activation "linear": only relu is supported there'],
    [
      'block2_conv1',
      'elu',
      'layer "block2_conv1" (Conv2D) has activation "elu": only relu is supported there',
    ],
    [
      'dense_1',
      'relu',
      'layer "dense_1" (Dense) has activation "relu": softmax, sigmoid or linear is supported at the end',
    ],
  ])('%s with %s is refused', async (layer, activation, message) => {
    const archive = changed('keras2_nested', (_, byName) => {
      byName(layer).config.activation = activation;
    });
    await expect(findKeras(archive)).rejects.toThrow(message);
  });

  it('ReLU behind an average is not that before it', async () => {
    const archive = changed('keras2_nested', (layers, byName) => {
      byName('block5_conv3').config.activation = 'linear';
      layers.splice(3, 0, { class_name: 'ReLU', config: { name: 're_lu' } });
    });
    await expect(findKeras(archive)).rejects.toThrow('layer "re_lu" (ReLU) is not supported in this place');
  });
});

describe('what is no VGG16 is refused by the name of the layer', () => {
  it.each([
    ['BatchNormalization', 1, 'layer "x" (BatchNormalization) is not supported in this place'],
    ['AveragePooling2D', 1, 'layer "x" (AveragePooling2D) is not supported in this place'],
    ['Resizing', 1, 'layer "x" (Resizing) changes the picture\'s size within the model'],
    ['Lambda', 1, 'layer "x" (Lambda) prepares pixels within the model'],
    ['Dense', 2, 'layer "x" (Dense) is not supported in this place'],
    ['Conv2D', 4, 'layer "x" (Conv2D) is not supported in this place'],
  ])('%s', async (className, at, message) => {
    const archive = changed('keras2_nested', (layers) =>
      layers.splice(at, 0, { class_name: className, config: { name: 'x' } }),
    );
    await expect(findKeras(archive)).rejects.toThrow(message);
  });

  it.each([
    ['block1_conv1', 'kernel_size', [5, 5]],
    ['block1_conv1', 'strides', [2, 2]],
    ['block1_conv1', 'padding', 'valid'],
    ['block1_conv1', 'dilation_rate', [2, 2]],
    ['block1_conv1', 'groups', 3],
    ['block1_conv1', 'data_format', 'channels_first'],
    ['block4_pool', 'pool_size', [3, 3]],
    ['block4_pool', 'strides', [1, 1]],
    ['global_average_pooling2d', 'data_format', 'channels_first'],
  ])('%s with %s %j', async (layer, key, value) => {
    const archive = changed('keras2_nested', (_, byName) => {
      byName(layer).config[key] = value;
    });
    await expect(findKeras(archive)).rejects.toThrow(new RegExp(`layer "${layer}" \\(\\w+\\) has ${key} `));
  });

  it('a normalisation along the rows of a map', async () => {
    const archive = changed('keras2_nested', (_, byName) => {
      const layers = byName('vgg16').config.layers as LayerConfig[];
      const at = layers.findIndex(({ config }) => config.name === 'block1_conv1');
      layers.splice(at + 1, 0, { class_name: 'BatchNormalization', config: { name: 'x', axis: [1] } });
      for (const layer of layers.slice(at + 1, at + 3))
        layer.inbound_nodes = [[[layers[layers.indexOf(layer) - 1]!.config.name, 0, 0, {}]]];
    });
    await expect(findKeras(archive)).rejects.toThrow('layer "x" (BatchNormalization) has axis "[1]"');
  });

  it('a graph that branches, joins, or has two ends', async () => {
    const branch = changed('keras2_flat', (_, byName) => {
      byName('dense_3').inbound_nodes = [[['block5_pool', 0, 0, {}]]];
    });
    await expect(findKeras(branch)).rejects.toThrow(
      /the output of layer "block5_pool" goes to several layers: only a plain chain/,
    );
    const join = changed('keras2_flat', (_, byName) => {
      byName('dense_3').inbound_nodes = [
        [
          ['activation', 0, 0, {}],
          ['flatten', 0, 0, {}],
        ],
      ];
    });
    await expect(findKeras(join)).rejects.toThrow(/layer "dense_3" \(Dense\) reads 2 layers' outputs/);
    const archive = changed('keras2_flat', () => {});
    (archive.config as LayerConfig).config.output_layers.push(['flatten', 0, 0]);
    await expect(findKeras(archive)).rejects.toThrow('layer "flatten" is an output, and not the last layer');
  });

  it('a circle', async () => {
    const archive = changed('keras2_flat', (_, byName) => {
      byName('block1_conv1').inbound_nodes = [[['block1_conv2', 0, 0, {}]]];
      byName('block2_conv1').inbound_nodes = [[['input_4', 0, 0, {}]]];
    });
    await expect(findKeras(archive)).rejects.toThrow(/goes to several layers|do not follow each other/);
  });

  it('models that are VGG19 or that lack a block', async () => {
    const conv = (name: string) => ({ class_name: 'Conv2D', config: { name, activation: 'relu' } });
    const deeper = changed('keras2_nested', (layers, byName) => {
      const base = byName('vgg16').config.layers as LayerConfig[];
      layers.splice(
        0,
        2,
        ...base.flatMap((layer) =>
          /block[345]_conv3/.test(layer.config.name) ? [layer, conv('more')] : [layer],
        ),
      );
    });
    await expect(findKeras(deeper)).rejects.toThrow('this looks like VGG19: 2, 2, 4, 4, 4 convolutions');
    const shallower = changed('keras2_nested', (layers, byName) => {
      layers.splice(0, 2, ...(byName('vgg16').config.layers as LayerConfig[]).slice(0, 11));
    });
    await expect(findKeras(shallower)).rejects.toThrow('not a VGG16: 2, 2, 3 convolutions in its blocks');
  });

  it('a model whose weights are not all there', async () => {
    const archive = archives.keras2_nested!;
    const layers = archive.layers.filter(({ names }) => !names.includes('dense_1'));
    await expect(findKeras({ ...archive, layers })).rejects.toThrow(
      'layers whose weights are missing: "dense_1"',
    );
  });

  it.each([
    undefined,
    1,
    [],
    {},
    { class_name: 'Sequential', config: 3 },
    { class_name: 'Mine', config: {} },
  ])('descriptions that are none of Keras: %j', async (config) => {
    if (config === undefined) return;
    await expect(findKeras({ ...archives.keras2_nested!, config })).rejects.toThrow(/model/);
  });

  it('models too deep within models', async () => {
    let config: object = { class_name: 'Sequential', config: { layers: [] } };
    for (let i = 0; i < 5000; i++) config = { class_name: 'Sequential', config: { layers: [config] } };
    await expect(findKeras({ ...archives.keras2_nested!, config })).rejects.toThrow('is not supported');
  });
});

describe('weights without a model', () => {
  it('are told by names', async () => {
    const shuffled = weightsOnly('keras2_full', (layers) => [
      ...layers.filter(({ names }) => names[0]!.startsWith('block5')),
      ...layers.filter(({ names }) => !names[0]!.startsWith('block5')),
    ]);
    const { convs, notes } = await findKeras(shuffled);
    expect(convs).toEqual((await findKeras(weightsOnly('keras2_full'))).convs);
    // Keras' own head by its names: nothing is taken for granted of what lies within it.
    expect(notes).toEqual([
      'the flattened feature map is taken to be square, 2 x 2 as of pictures of 64 px, which the file does not say',
    ]);
  });

  it('of a head of other names are taken to have ReLU in it', async () => {
    const renamed = weightsOnly('keras2_full', (layers) =>
      layers.map((layer) => (layer.names.includes('predictions') ? { ...layer, names: ['colours'] } : layer)),
    );
    expect((await findKeras(renamed)).notes[0]).toMatch(
      /^ReLU between the dense layers is taken for granted/,
    );
  });

  it('are told by order, where there are no names', async () => {
    const lost = weightsOnly('keras3_full.weights', (layers) =>
      layers.map((layer) => ({ ...layer, names: [] })),
    );
    const { convs, dense, notes } = await findKeras(lost);
    expect(namesOf(convs)[2]).toBe('layers/conv2d_2/vars/0');
    expect(namesOf(convs)[10]).toBe('layers/conv2d_10/vars/0');
    expect(dense.length).toBe(3);
    expect(notes[0]).toMatch(/^convolutions are taken in the order of the file/);
  });

  it('tell an average from a flattened map', async () => {
    expect((await findKeras(archives['keras3_nested.weights']!)).pool).toBe('avg');
    const max = weightsOnly('keras2_nested', (layers) => [
      ...layers.filter(({ names: [name = ''] }) => !name.includes('average')),
      { names: ['global_max_pooling2d'], place: '', weights: new Map() },
    ]);
    expect((await findKeras(max)).pool).toBe('max');
    const windows = weightsOnly('keras2_nested', (layers) => [
      ...layers,
      { names: ['average_pooling2d'], place: '', weights: new Map() },
    ]);
    await expect(findKeras(windows)).rejects.toThrow('layer "average_pooling2d" is listed');
  });

  it('of another network are refused', async () => {
    const more = weightsOnly('keras2_full', (layers) => [
      ...layers,
      ...layers.slice(2, 3),
      ...layers.slice(1, 3),
    ]);
    await expect(findKeras(more)).rejects.toThrow(
      'this looks like VGG19: 16 convolutions where VGG16 has 13',
    );
    const bias = [...archives.keras2_full!.layers[1]!.weights.values()][1]!;
    const norm = weightsOnly('keras2_full', (layers) => [
      ...layers,
      { names: ['bn'], place: '', weights: new Map([['gamma', bias]]) },
    ]);
    await expect(findKeras(norm)).rejects.toThrow(
      'layer "bn" holds "gamma": only convolutions and dense layers are supported',
    );
  });

  it('of a wrong shape are refused', async () => {
    const swapped = weightsOnly('keras2_full', (layers) =>
      layers.map((layer) =>
        layer.names[0] === 'block2_conv1' ? { ...layers[5]!, names: layer.names } : layer,
      ),
    );
    await expect(findKeras(swapped)).rejects.toThrow(
      /tensor "block2_conv2.*kernel:0": expected shape \(3, 3, 4, O\), found/,
    );
  });
});
