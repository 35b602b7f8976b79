// Kernels' text into pipelines: specialised, compiled asynchronously and in parallel, each only once.

import { GpuError } from '../errors.js';
import { type GpuPromises, PLAIN_PROMISES } from './promises.js';

/**
 * How a kernel finds its weights in memory. `f16` is WGSL's own type and needs the feature shader-f16; `packed-f16`
 * is the same bytes, two halves a word, unpacked by a function of core WGSL.
 */
export type WeightStorage = 'f32' | 'f16' | 'packed-f16';

/** A kernel's text and how to specialise it. */
export interface Kernel {
  /** As in its header, for instance `conv3x3/03_register_blocked`. Labels the pipeline. */
  readonly name: string;
  readonly wgsl: string;
  /** New values for lines `const NAME: u32 = ...;`, which size arrays and workgroups. */
  readonly tiling?: Readonly<Record<string, number>>;
  /** Values for `override` lines: the problem's sizes and flags. */
  readonly constants?: Readonly<Record<string, number>>;
  /** New text for the lines that say how weights lie in memory; as written, that is f32. */
  readonly weights?: WeightStorage;
}

/**
 * The two lines by which a kernel reads its weights `k`, four at a time or one: as written, and what takes their
 * place. A packed f16 is found in the lower or upper half of its word.
 */
const WEIGHT_LINES: readonly Readonly<Record<WeightStorage, readonly [alias: string, read: string]>>[] = [
  {
    f32: ['alias WeightQuad = vec4f;', 'fn widen(q: WeightQuad) -> vec4f { return vec4f(q); }'],
    f16: ['alias WeightQuad = vec4h;', 'fn widen(q: WeightQuad) -> vec4f { return vec4f(q); }'],
    'packed-f16': [
      'alias WeightQuad = vec2u;',
      'fn widen(q: WeightQuad) -> vec4f { return vec4f(unpack2x16float(q.x), unpack2x16float(q.y)); }',
    ],
  },
  {
    f32: ['alias Weight = f32;', 'fn weight(index: u32) -> f32 { return f32(k[index]); }'],
    f16: ['alias Weight = f16;', 'fn weight(index: u32) -> f32 { return f32(k[index]); }'],
    'packed-f16': [
      'alias Weight = u32;',
      'fn weight(index: u32) -> f32 { return unpack2x16float(k[index / 2])[index % 2]; }',
    ],
  },
];

/**
 * Rewrites the lines `const NAME: u32 = ...;` that `tiling` names, and the two that say how weights are stored. The
 * text was valid WGSL before and is after, and every line keeps its number.
 *
 * @throws GpuError when the kernel has no such line.
 */
export function specialise(kernel: Kernel): string {
  let text = kernel.wgsl;
  for (const [name, value] of Object.entries(kernel.tiling ?? {})) {
    const line = new RegExp(`^const ${name}: u32 = \\d+u?;`, 'm');
    if (!line.test(text))
      throw new GpuError(`${kernel.name}: has no line "const ${name}: u32 = ...;" to specialise`);
    text = text.replace(line, `const ${name}: u32 = ${value};`);
  }
  return kernel.weights === undefined ? text : withWeights(kernel.name, text, kernel.weights);
}

function withWeights(name: string, wgsl: string, weights: WeightStorage): string {
  const lines = wgsl.split('\n');
  const found = WEIGHT_LINES.find(({ f32 }) => f32.every((line) => lines.includes(line)));
  if (!found) {
    const wanted = WEIGHT_LINES.map(({ f32: [alias] }) => `"${alias}"`).join(' or ');
    throw new GpuError(`${name}: has no line ${wanted}, with its function, to specialise`);
  }
  found.f32.forEach((line, i) => {
    lines[lines.indexOf(line)] = found[weights][i]!;
  });
  // Before all else, as WGSL wants it, and on the first line, so that lines keep their numbers.
  return (weights === 'f16' ? 'enable f16; ' : '') + lines.join('\n');
}

/** The value that a kernel's line `const NAME: u32 = ...;` has, specialised or as written. */
export function tilingOf(kernel: Kernel, name: string): number {
  const value = new RegExp(`^const ${name}: u32 = (\\d+)u?;`, 'm').exec(specialise(kernel))?.[1];
  if (value === undefined) throw new GpuError(`${kernel.name}: has no line "const ${name}: u32 = ...;"`);
  return Number(value);
}

/**
 * As many pipelines as are kept: several whole VGG16s. Sizes are constants of kernels, so that pictures of ever new sizes
 * would otherwise never stop adding to them.
 */
const MAX_PIPELINES = 128;

/** The pipelines of one device, the most recently used of them. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #promises: GpuPromises;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice, promises: GpuPromises = PLAIN_PROMISES) {
    this.#device = device;
    this.#promises = promises;
  }

  /** How many are kept. */
  get size(): number {
    return this.#pipelines.size;
  }

  /**
   * The pipeline of a kernel's entry point `main`. Ask for many without waiting in between: they compile in parallel.
   *
   * @throws GpuError with the compiler's message, its line and the kernel's name.
   */
  get(kernel: Kernel): Promise<GPUComputePipeline> {
    const constants = kernel.constants ?? {};
    const text = specialise(kernel);
    const key = JSON.stringify([text, Object.entries(constants).sort()]);
    const pipeline = this.#pipelines.get(key) ?? this.#compile(kernel.name, text, constants);
    // A Map remembers the order of insertion: the first is the one not used for longest.
    this.#pipelines.delete(key);
    this.#pipelines.set(key, pipeline);
    if (this.#pipelines.size > MAX_PIPELINES) this.#pipelines.delete(this.#pipelines.keys().next().value!);
    return pipeline;
  }

  async #compile(
    name: string,
    code: string,
    constants: Readonly<Record<string, number>>,
  ): Promise<GPUComputePipeline> {
    const device = this.#device;
    const { settle } = this.#promises;
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ label: name, code });
    const invalid = settle(() => device.popErrorScope());
    if (await invalid) {
      const { messages } = await settle(() => module.getCompilationInfo());
      const first = messages.find((message) => message.type === 'error');
      throw new GpuError(`${name}: line ${first?.lineNum}: ${first?.message ?? (await invalid)?.message}`);
    }
    try {
      return await this.#link({
        label: name,
        layout: 'auto',
        compute: { module, entryPoint: 'main', constants },
      });
    } catch (error) {
      throw new GpuError(`${name}: ${(error as Error).message.split('\n')[0]}`, { cause: error });
    }
  }

  /** In parallel with others, but in a worker thread of Node's one after another: see src/node/dawn/promises.ts. */
  async #link(descriptor: GPUComputePipelineDescriptor): Promise<GPUComputePipeline> {
    const device = this.#device;
    const { mayLeavePending, begin, settle } = this.#promises;
    if (mayLeavePending) return begin(() => device.createComputePipelineAsync(descriptor));
    device.pushErrorScope('validation');
    const pipeline = device.createComputePipeline(descriptor);
    const error = await settle(() => device.popErrorScope());
    if (error) throw error;
    return pipeline;
  }
}
