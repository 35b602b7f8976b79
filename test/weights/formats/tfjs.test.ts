// TensorFlow.js models that are not what they should be.

import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { WeightsError } from '../../../src/errors.js';
import { openFile } from '../../../src/node/files.js';
import { openTfjs } from '../../../src/weights/formats/tfjs.js';
import { temporaryFolder, thrownBy, write } from '../files.js';

const folder = temporaryFolder();
const model = join(folder, 'model.json');

interface Manifest {
  paths: string[];
  weights: { name: string; shape: number[]; dtype: string; quantization?: Record<string, unknown> }[];
}

interface Model {
  format: string;
  modelTopology: unknown;
  weightsManifest: [Manifest];
}

beforeEach(() => cpSync('test/golden/tfjs/float32', folder, { recursive: true }));

/** What is said of model.json once `change` has been at it. */
async function faultOf(change: (model: Model) => void): Promise<string> {
  const json = JSON.parse(readFileSync(model, 'utf8')) as Model;
  change(json);
  writeFileSync(model, JSON.stringify(json));
  const error = await thrownBy(async () => openTfjs(await openFile(model)));
  expect(error).toBeInstanceOf(WeightsError);
  expect(error.message).toContain(folder);
  return error.message;
}

describe('a TensorFlow.js model', () => {
  it.each([
    '../secret.bin',
    '/etc/hostname',
    'a/../../secret.bin',
    'https://example.org/shard.bin',
    'file:shard.bin',
    '..\\secret.bin',
    '',
    '.',
  ])('is not followed out of its folder: %j', async (name) => {
    const said = await faultOf(({ weightsManifest: [{ paths }] }) => {
      paths[0] = name;
    });
    expect(said).toContain(`shard ${JSON.stringify(name)} is not a file in the model's folder`);
  });

  it('needs all its shards', async () => {
    rmSync(join(folder, 'group1-shard3of6.bin'));
    expect(await faultOf(() => {})).toBe(`${join(folder, 'group1-shard3of6.bin')}: no such file`);
  });

  it('needs shards of the right size', async () => {
    write(folder, 'group1-shard6of6.bin', Buffer.alloc(923));
    expect(await faultOf(() => {})).toMatch(
      /weight "predictions\/bias": it ends at byte 20924 of shards that have 20923/,
    );
    write(folder, 'group1-shard6of6.bin', Buffer.alloc(925));
    expect(await faultOf(() => {})).toMatch(/its weights have 20924 bytes, its shards 20925/);
  });

  it('takes no shard twice', async () => {
    const said = await faultOf(({ weightsManifest: [{ paths }] }) => paths.push(paths[0]!));
    expect(said).toContain('shard "group1-shard1of6.bin" is listed twice');
  });

  it('that is a graph is refused, with what to do', async () => {
    const said = await faultOf((json) => {
      json.format = 'graph-model';
      json.modelTopology = { node: [] };
    });
    expect(said).toMatch(/a graph model .* --output_format=tfjs_layers_model/);
  });

  it('is described in less than a megabyte', async () => {
    write(folder, 'model.json', readFileSync(model, 'utf8').padEnd(2 ** 20 + 1));
    expect((await thrownBy(async () => openTfjs(await openFile(model)))).message).toBe(
      `${model}: 1048577 bytes are too many for a model.json`,
    );
  });

  it('has no tensor of more axes than any library knows', async () => {
    const said = await faultOf(({ weightsManifest: [{ weights }] }) => {
      weights[0]!.shape = Array(65).fill(1);
    });
    expect(said).toContain('weight "block1_conv1/kernel": its shape has 65 axes, more than 64');
  });

  it('says which weight is of a type that is not read', async () => {
    const said = await faultOf(({ weightsManifest: [{ weights }] }) => {
      weights[2]!.dtype = 'complex64';
    });
    expect(said).toContain('weight "block1_conv2/kernel": numbers of type "complex64" are not supported');
  });

  it.each([
    { dtype: 'uint8', scale: 1 },
    { dtype: 'uint8', scale: null, min: 0 },
    { dtype: 'uint8', scale: '1', min: 0 },
  ])('says where a quantization is not complete: %j', async (quantization) => {
    const said = await faultOf(({ weightsManifest: [{ weights }] }) => {
      weights[0]!.quantization = quantization;
    });
    expect(said).toContain('its quantization has no scale or no min');
  });

  it.each(['{"modelTopology":{}}', '[]', '{', ''])('is a model.json: %j is not', async (text) => {
    write(folder, 'model.json', text);
    expect(await thrownBy(async () => openTfjs(await openFile(model)))).toBeInstanceOf(WeightsError);
  });
});
