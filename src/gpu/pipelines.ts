// Kernels' text into pipelines: specialised, compiled asynchronously and in parallel, each only once.

import { GpuError } from '../errors.js';

/** A kernel's text and how to specialise it. */
export interface Kernel {
  /** As in its header, for instance `conv3x3/03_register_blocked`. Labels the pipeline. */
  readonly name: string;
  readonly wgsl: string;
  /** New values for lines `const NAME: u32 = ...;`, which size arrays and workgroups. */
  readonly tiling?: Readonly<Record<string, number>>;
  /** Values for `override` lines: the problem's sizes and flags. */
  readonly constants?: Readonly<Record<string, number>>;
}

/**
 * Rewrites the lines `const NAME: u32 = ...;` that `tiling` names. The text was valid WGSL before and is after.
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
  return text;
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
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice) {
    this.#device = device;
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
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ label: name, code });
    const invalid = device.popErrorScope();
    if (await invalid) {
      const { messages } = await module.getCompilationInfo();
      const first = messages.find((message) => message.type === 'error');
      throw new GpuError(`${name}: line ${first?.lineNum}: ${first?.message ?? (await invalid)?.message}`);
    }
    try {
      return await device.createComputePipelineAsync({
        label: name,
        layout: 'auto',
        compute: { module, entryPoint: 'main', constants },
      });
    } catch (error) {
      throw new GpuError(`${name}: ${(error as Error).message.split('\n')[0]}`, { cause: error });
    }
  }
}
