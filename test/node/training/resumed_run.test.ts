// Runs that are left and taken up again: to the same bytes, or not at all.

import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { DeviceLostError, PictureError, TrainingError, UsageError } from '../../../src/errors.js';
import type { Picture } from '../../../src/image/picture.js';
import { convShapeOf } from '../../../src/network/build.js';
import { Choices, type ChoicesRecord, choicesKeyOf, recordOf } from '../../../src/network/choices.js';
import { addChoices, choicesPath } from '../../../src/node/choices_file.js';
import { Gpu } from '../../../src/node/gpu.js';
import { type TrainOptions, trainHead } from '../../../src/node/training/new_run.js';
import type { TrainResult } from '../../../src/node/training/result.js';
import { type ResumeOptions, resumeRun } from '../../../src/node/training/resumed_run.js';
import { VGG16 } from '../../../src/node/vgg16.js';
import { openHeadFile } from '../../../src/node/weights/safetensors.js';
import type { Dataset, Sample } from '../../../src/train/dataset.js';
import type { TrainEvent } from '../../../src/train/events.js';
import { RULES } from '../../../src/train/standing.js';
import { writeRandomVgg16 } from '../../support/random_vgg16.js';
import { pictures, QUICK, SIZE } from './pictures.js';
import { NETWORK, useNetwork } from './support.js';

const { model, path } = useNetwork();
let files: Dataset;

beforeAll(async () => {
  await mkdir(path('pictures'));
  const written = async (samples: readonly Sample[]) =>
    Promise.all(
      samples.map(async ({ name, label, picture }): Promise<Sample> => {
        const { data, width, height } = picture as Picture;
        const file = path('pictures', `${name}.png`);
        await sharp(data, { raw: { width, height, channels: 3 } }).toFile(file);
        return { name: file, picture: file, label };
      }),
    );
  const { train, val, ...rest } = pictures();
  files = { ...rest, train: await written(train), val: await written(val) };
});

const EXACT: readonly TrainOptions[] = [
  { optimiser: 'adamw', lr: 0.01, warmup: 0.5, patience: 9 },
  {
    ...{ optimiser: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 1e-3, clipNorm: 1, lr: 0.02 },
    ...{ head: 'mlp', hidden: [12], dropout: 0.5, pool: 'flatten', augment: ['flip', 'crop'], views: 1 },
    ...{ schedule: 'one-cycle', labelSmoothing: 0.1, classWeights: 'balanced' },
  },
];

/** Ends training at an event. */
function leaving(when: (event: TrainEvent) => boolean): Pick<TrainOptions, 'onEvent' | 'signal'> & {
  readonly events: TrainEvent[];
} {
  const stop = new AbortController();
  const events: TrainEvent[] = [];
  const onEvent = (event: TrainEvent) => {
    events.push(event);
    if (when(event)) stop.abort(new Error('left'));
  };
  return { onEvent, signal: stop.signal, events };
}

const epochs = async (folder: string) => {
  const lines = (await readFile(join(folder, 'results.csv'), 'utf8')).trimEnd().split('\n');
  // The last two columns are times.
  return lines.map((line) => line.split(',').slice(0, -2).join());
};

async function expectSame(one: string, other: string): Promise<void> {
  expect(await epochs(one)).toEqual(await epochs(other));
  for (const name of [
    'best.safetensors',
    'last.safetensors',
    'split.json',
    'classes.json',
    'confusion.svg',
  ]) {
    const [a, b] = await Promise.all([one, other].map((folder) => readFile(join(folder, name))));
    expect(a!.equals(b!), name).toBe(true);
  }
  expect((await readdir(one)).sort()).toEqual((await readdir(other)).sort());
}

const resume = (folder: string, options: ResumeOptions = {}): Promise<TrainResult> =>
  resumeRun(folder, { gpu: model().gpu, ...options });

describe('a run that was left', () => {
  it.each(EXACT)('goes on to the same bytes: $optimiser', async (options) => {
    const name = options.optimiser!;
    const all = { ...QUICK, epochs: 4, seed: 3, ...options };
    const whole = await trainHead(model(), files, { ...all, out: path(`${name} whole`) });

    for (const [where, when] of [
      ['between epochs', (event: TrainEvent) => event.type === 'epoch' && event.row.epoch === 2],
      ['within one', (event: TrainEvent) => event.type === 'step' && event.epoch === 3 && event.step === 2],
      ['before the first', (event: TrainEvent) => event.type === 'step' && event.epoch === 1],
    ] as const) {
      const folder = path(`${name} ${where}`);
      const { events, ...left } = leaving(when);
      await expect(trainHead(model(), files, { ...all, ...left, out: folder })).rejects.toThrow('left');
      const epoch = where === 'before the first' ? 0 : 2;
      expect(events.at(-1)).toMatchObject({ type: 'stopped', epoch, folder });
      const resumed = await resume(folder);
      await expectSame(folder, path(`${name} whole`));
      expect(resumed.evaluation).toEqual(whole.evaluation);
    }
  });

  it('may be given more epochs where the rate is constant, and only there', async () => {
    const all = { ...QUICK, schedule: 'constant', lr: 0.01 } as const;
    await trainHead(model(), files, { ...all, epochs: 4, out: path('four') });
    await trainHead(model(), files, { ...all, epochs: 2, out: path('two') });
    await resume(path('two'), { options: { epochs: 4 } });
    await expectSame(path('two'), path('four'));

    // One that has all its epochs says so, and comes to the same again.
    const events: TrainEvent[] = [];
    await resume(path('two'), { onEvent: (event) => events.push(event) });
    const text = `${path('two')} is finished: 4 of 4 epochs are done; it is evaluated and reported again`;
    expect(events).toContainEqual({ type: 'note', text });
    expect(events.some(({ type }) => type === 'epoch')).toBe(false);
    await expectSame(path('two'), path('four'));

    // Which is remembered, should that be interrupted.
    await trainHead(model(), files, { ...all, epochs: 1, out: path('one') });
    const { onEvent, signal } = leaving((event) => event.type === 'epoch' && event.row.epoch === 2);
    await expect(resume(path('one'), { options: { epochs: 4 }, onEvent, signal })).rejects.toThrow('left');
    await resume(path('one'));
    await expectSame(path('one'), path('four'));

    await trainHead(model(), files, { ...QUICK, epochs: 2, out: path('cosine') });
    await expect(resume(path('cosine'), { options: { epochs: 4 } })).rejects.toThrow(/: epochs was 2, not 4/);
  });

  it('may be given other patience, and goes on to the same bytes as if it had begun with it', async () => {
    // What hardly learns ends early.
    const all = { ...QUICK, epochs: 8, lr: 1e-12 } as const;
    const impatient = await trainHead(model(), files, { ...all, patience: 1, out: path('impatient') });
    expect(impatient.early).toBe(true);
    await trainHead(model(), files, { ...all, patience: 0, out: path('patient') });
    const resumed = await resume(path('impatient'), { options: { patience: 0 } });
    expect([resumed.early, resumed.history.length]).toEqual([false, 8]);
    await expectSame(path('impatient'), path('patient'));
  });

  it('of an older version, which wrote down no rules, goes on by those of then', async () => {
    // A head that answers the larger class and nothing else is the most accurate one.
    const uneven = { ...files, train: files.train.filter(({ label }, i) => label === 0 || i < 6) };
    const all = { ...QUICK, epochs: 4, patience: 0, lr: 0.01 } as const;
    const begin = async (folder: string) => {
      const { onEvent, signal } = leaving((event) => event.type === 'step');
      const run = trainHead(model(), uneven, { ...all, onEvent, signal, out: folder });
      await expect(run).rejects.toThrow('left');
      const args = JSON.parse(await readFile(join(folder, 'args.json'), 'utf8')) as Record<string, unknown>;
      const { rules, pictures: _, ...older } = args;
      expect(rules).toEqual(RULES);
      await writeFile(join(folder, 'args.json'), JSON.stringify(older));
    };
    await begin(path('older'));
    await begin(path('older, left'));
    const whole = await resume(path('older'));
    const { onEvent, signal } = leaving((event) => event.type === 'epoch' && event.row.epoch === 2);
    await expect(resume(path('older, left'), { onEvent, signal })).rejects.toThrow('left');
    await expect(resume(path('older, left'), { options: { patience: 5 } })).rejects.toThrow(
      /: patience was 0/,
    );
    await resume(path('older, left'));
    await expectSame(path('older, left'), path('older'));
    const most = Math.max(...whole.history.map(({ val_accuracy }) => val_accuracy));
    expect(whole.best.val_accuracy).toBe(most);
    // Its biases began at zero, not at what the frequencies say.
    const now = await trainHead(model(), uneven, { ...all, epochs: 1 });
    expect(now.history[0]!.loss).toBeLessThan(whole.history[0]!.loss);
  });

  it('is not trained by two processes at once', async () => {
    const folder = path('two at once');
    let second: Promise<unknown> | undefined;
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'epoch' && event.row.epoch === 1) second = resume(folder).catch((error) => error);
    };
    await trainHead(model(), files, { ...QUICK, onEvent, out: folder });
    expect(String(await second)).toMatch(/is being trained by process \d+ of this machine/);
    expect(await readdir(folder)).not.toContain('state.json');
  });

  it('goes on with the rate that was searched for', async () => {
    const all = { ...QUICK, lr: 'auto', epochs: 2 } as const;
    const whole = await trainHead(model(), files, { ...all, out: path('found') });
    const { onEvent, signal } = leaving((event) => event.type === 'epoch');
    await expect(
      trainHead(model(), files, { ...all, onEvent, signal, out: path('found, left') }),
    ).rejects.toThrow('left');
    const resumed = await resume(path('found, left'), { options: { lr: 'auto' } });
    expect(resumed.options).toEqual(whole.options);
    await expectSame(path('found, left'), path('found'));
  });
});

describe('a run and what is tuned between its halves', () => {
  /** For every convolution, whatever the batch. */
  function chosen(rung: '05_winograd_2x2' | '05_winograd_4x4'): ChoicesRecord {
    const layers = model()
      .layers(SIZE, SIZE, 'block5_pool')
      .filter(({ operation }) => operation === 'conv3x3');
    const entries = [1, 16].flatMap((batch) =>
      layers.map((layer) => ({ shape: convShapeOf(layer, batch), choice: { rung }, ms: 1, defaultMs: 1 })),
    );
    return recordOf(choicesKeyOf(model().gpu, 'f32'), new Choices(entries, []));
  }
  const all = { ...QUICK, epochs: 3 };
  const left = async (folder: string, of: VGG16) => {
    const { onEvent, signal } = leaving((event) => event.type === 'epoch');
    await expect(trainHead(of, files, { ...all, onEvent, signal, out: folder })).rejects.toThrow('left');
  };
  afterEach(() => vi.unstubAllEnvs());

  it('goes on to the same bytes, tuned or not, whatever was chosen meanwhile', async () => {
    const load = (tuned: false | ChoicesRecord) =>
      VGG16.load({ weights: path('base.safetensors'), gpu: model().gpu, tuned });
    using tuned = await load(chosen('05_winograd_2x2'));
    using untuned = await load(false);
    for (const [name, of] of Object.entries({ tuned, untuned })) {
      await trainHead(of, files, { ...all, out: path(name) });
      await left(path(`${name}, left`), of);
    }
    const heads = ['tuned', 'untuned'].map((name) => readFile(path(name, 'last.safetensors')));
    const [one, other] = await Promise.all(heads);
    expect(one!.equals(other!)).toBe(false);

    vi.stubEnv('VGG16_CACHE', path('cache'));
    vi.stubEnv('VGG16_TUNED', '1');
    const { conv3x3 } = chosen('05_winograd_4x4');
    const { gpu } = model();
    await addChoices(choicesPath(choicesKeyOf(gpu, 'f32')), gpu, 'f32', new Choices(conv3x3, []));
    const notes: TrainEvent[] = [];
    const onEvent = (event: TrainEvent) =>
      event.type === 'note' && /kernels/.test(event.text) && notes.push(event);
    for (const name of ['tuned', 'untuned']) {
      await resume(path(`${name}, left`), { onEvent });
      await expectSame(path(`${name}, left`), path(name));
    }
    expect(notes).toEqual([]);

    // Where they cannot be had again, it is said.
    await left(path('elsewhere'), tuned);
    const args = join(path('elsewhere'), 'args.json');
    const text = await readFile(args, 'utf8');
    await writeFile(args, text.replace(/"driver": "[^"]*"/, '"driver": "Mesa 9"'));
    await resume(path('elsewhere'), { onEvent });
    expect(notes).toEqual([
      {
        type: 'note',
        text: `${path('elsewhere')} began with other kernels than can be had now: what follows will differ by how these round`,
      },
    ]);
  });
});

describe('a run that is not as it was', () => {
  const folder = () => path('left');
  const changed = async (name: string, change: (folder: string) => Promise<unknown>) => {
    const copy = path(name);
    await cp(folder(), copy, { recursive: true });
    await change(copy);
    return copy;
  };

  beforeAll(async () => {
    const { onEvent, signal } = leaving((event) => event.type === 'epoch' && event.row.epoch === 2);
    const options = { ...QUICK, epochs: 4, onEvent, signal, out: folder() };
    await expect(trainHead(model(), files, options)).rejects.toThrow('left');
  });

  it('names the options that were changed', async () => {
    const options = { batch: 8, lr: 0.5, labelSmoothing: 0.2 };
    await expect(resume(folder(), { options })).rejects.toThrow(
      /can only go on as it began: lr was 0\.001, not 0\.5; labelSmoothing was 0, not 0\.2; .*initFrom: /,
    );
    const edit = async (copy: string) => {
      const file = join(copy, 'args.json');
      await writeFile(file, (await readFile(file, 'utf8')).replace('"batch": 8', '"batch": 7'));
    };
    const edited = await changed('edited', edit);
    await expect(resume(edited)).rejects.toThrow(/other arguments than .*args\.json/);
  });

  it('refuses another base', async () => {
    const weights = path('another base.safetensors');
    await writeRandomVgg16(weights, { ...NETWORK, seed: 12 });
    using other = await VGG16.load({ weights, gpu: model().gpu });
    await expect(resume(folder(), { model: other })).rejects.toThrow(/trained on another base/);
  });

  it('refuses other pictures', async () => {
    const { train } = files;
    const fewer = { ...files, train: train.slice(1) };
    await expect(resume(folder(), { dataset: fewer })).rejects.toThrow(/other pictures/);
    const relabelled = {
      ...files,
      train: train.map((sample) => ({ ...sample, label: (sample.label + 1) % 3 })),
    };
    await expect(resume(folder(), { dataset: relabelled })).rejects.toThrow(/other pictures/);
    const { val } = files;
    const [first, ...others] = val;
    const repainted = { ...files, val: [{ ...first!, picture: others[0]!.picture }, ...others] };
    await expect(resume(folder(), { dataset: repainted })).rejects.toThrow(/gone, broken or changed/);
  });

  it('finds its base from anywhere', async () => {
    const before = process.cwd();
    process.chdir(path());
    const { onEvent, signal } = leaving((event) => event.type === 'epoch');
    const out = path('with a relative base');
    using relative = await VGG16.load({ weights: 'base.safetensors', gpu: model().gpu });
    await expect(trainHead(relative, files, { ...QUICK, onEvent, signal, out })).rejects.toThrow('left');
    process.chdir(before);
    expect((await resume(out)).folder).toBe(out);
  });

  it('finds a base that was named beside a head', async () => {
    await trainHead(model(), files, { ...QUICK, epochs: 1, out: path('first') });
    const moved = path('moved base.safetensors');
    await copyFile(path('base.safetensors'), moved);
    const weights = path('first', 'best.safetensors');
    using headed = await VGG16.load({ weights, base: moved, gpu: model().gpu });
    const { onEvent, signal } = leaving((event) => event.type === 'epoch');
    const out = path('on a moved base');
    await expect(trainHead(headed, files, { ...QUICK, onEvent, signal, out })).rejects.toThrow('left');
    expect(JSON.parse(await readFile(join(out, 'args.json'), 'utf8'))).toMatchObject({
      weights,
      base: moved,
    });
    expect((await resume(out)).folder).toBe(out);
  });

  it('says which file is missing or damaged', async () => {
    await expect(resume(path('nowhere'))).rejects.toThrow(/args\.json.*is its folder that of a run/);
    const cut = await changed('cut', async (copy) => {
      const file = join(copy, 'last.safetensors');
      await writeFile(file, (await readFile(file)).subarray(0, -8));
    });
    await expect(resume(cut)).rejects.toThrow(/last\.safetensors.*truncated/);
    const torn = await changed('torn', (copy) => writeFile(join(copy, 'args.json'), '{"data": '));
    await expect(resume(torn)).rejects.toThrow(/args\.json: it is damaged \(no JSON\); is its folder that/);
    const unnamed = await changed('unnamed', (copy) => writeFile(join(copy, 'classes.json'), '['));
    await expect(resume(unnamed)).rejects.toThrow(/classes\.json: it is damaged \(no JSON\)$/);
    const unlisted = await changed('unlisted', (copy) => writeFile(join(copy, 'results.csv'), ''));
    await expect(resume(unlisted)).rejects.toThrow(UsageError);
    const swapped = await changed('swapped', (copy) =>
      copyFile(join(copy, 'best.safetensors'), join(copy, 'last.safetensors')),
    );
    await expect(resume(swapped)).rejects.toThrow(/no checkpoint/);
    const unsplit = await changed('unsplit', (copy) => rm(join(copy, 'split.json')));
    await expect(resume(unsplit)).rejects.toThrow(/split\.json/);
  });

  it('is no place for another run', async () => {
    await expect(trainHead(model(), files, { ...QUICK, out: folder() })).rejects.toThrow(/is not empty/);
  });
});

describe('a run that goes wrong', () => {
  it('leaves no folder behind where it could not begin', async () => {
    const gone = { ...files, train: files.train.map((sample) => ({ ...sample, picture: path('gone.png') })) };
    await expect(trainHead(model(), gone, { ...QUICK, out: path('broken') })).rejects.toThrow(PictureError);
    await expect(trainHead(model(), files, { ...QUICK, batch: 0, out: path('unfit') })).rejects.toThrow(
      /batch is 0/,
    );
    const untested = { ...files, test: [{ name: 'gone', picture: path('gone.png'), label: 0 }] };
    const events: TrainEvent[] = [];
    await expect(
      trainHead(model(), untested, {
        ...QUICK,
        out: path('untested'),
        onEvent: (event) => events.push(event),
      }),
    ).rejects.toThrow(PictureError);
    expect(events.filter(({ type }) => type === 'step')).toEqual([]);
    const names = await readdir(path());
    expect(names).not.toContain('broken');
    expect(names).not.toContain('untested');
    expect(names).not.toContain('unfit');
  });

  it('keeps the last good checkpoint when the loss is no number any more', async () => {
    const out = path('diverged');
    const diverging = {
      optimiser: 'sgd',
      schedule: 'constant',
      lr: 10,
      weightDecay: 1,
    } as const;
    const training = trainHead(model(), files, { ...QUICK, ...diverging, epochs: 60, out });
    await expect(training).rejects.toThrow(TrainingError);
    await expect(training).rejects.toThrow(/holds epoch \d+ in last\.safetensors.*lower --lr than 10/);
    const last = await openHeadFile(join(out, 'last.safetensors'));
    await last.close();
    expect(Number(last.metadata['train.epoch'])).toBe((await epochs(out)).length - 1);
  });

  it('says how to go on when the device is lost', async () => {
    const gpu = await Gpu.open();
    using lost = await VGG16.load({ weights: path('base.safetensors'), gpu });
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'step' && event.epoch === 2 && event.step === 1) gpu.device.destroy();
    };
    const out = path('lost');
    const training = trainHead(lost, files, { ...QUICK, out, onEvent });
    await expect(training).rejects.toThrow(DeviceLostError);
    await expect(training).rejects.toThrow(/holds epoch 1 .*vgg16 train --resume .*lost' goes on/);
    gpu.dispose();
    await trainHead(model(), files, { ...QUICK, out: path('not lost') });
    await resume(out);
    await expectSame(out, path('not lost'));
  });
});
