// Which adapter: the system's own, else SwiftShader out of npm, else a clear error.

import { NoAdapterError } from '../../errors.js';
import type { AdapterSource } from '../../gpu/device.js';
import { messageOf } from '../../gpu/messages.js';
import { type Quietly, withoutChatter } from './chatter.js';
import { settle } from './promises.js';
import { SWIFTSHADER_PACKAGE, useSwiftShader, usesSwiftShader } from './swiftshader.js';

export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  readonly source: AdapterSource;
}

export interface AdapterOptions {
  /**
   * `swiftshader` or `null` by those names; anything else is a part of the wanted adapter's name, as Dawn matches
   * it. Without it, the environment variable `VGG16_ADAPTER` is asked, then any adapter will do.
   */
  readonly adapter?: string | undefined;
}

/**
 * Subgroup matrices are a feature that Dawn calls unsafe, because it is in no standard yet, and on NVIDIA's cards they are of no
 * use without f16, which Dawn keeps back there. Both only offer more: what is asked for of a device decides what it has.
 */
const ENABLED = ['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia'];

/** Dawn would round timestamps to 65,536 ns. */
const DISABLED = ['timestamp_quantization'];

/**
 * Dawn's instances by their flags and driver. They must outlive every object made from them, and must not hang on
 * `globalThis`, or Node may crash while it exits.
 */
const instances = new Map<string, GPU>();

async function instanceWith(flags: readonly string[], quietly: Quietly): Promise<GPU> {
  let dawn: typeof import('webgpu');
  try {
    dawn = await import('webgpu');
  } catch (error) {
    throw new NoAdapterError(
      `Dawn does not load on ${process.platform} ${process.arch} with Node ${process.version}: ` +
        `${messageOf(error)}; reinstall the npm package webgpu, or use a platform that it supports`,
      { cause: error },
    );
  }
  Object.assign(globalThis, dawn.globals);
  // An instance knows the drivers that there were when it was made.
  const key = [...flags, usesSwiftShader()].join(' ');
  const instance = instances.get(key) ?? quietly(() => dawn.create([...flags]));
  instances.set(key, instance);
  return instance;
}

async function request(flags: readonly string[]): Promise<GPUAdapter | undefined> {
  const quietly = await withoutChatter();
  const instance = await instanceWith(flags, quietly);
  try {
    const search = () => instance.requestAdapter({ powerPreference: 'high-performance' });
    return (await settle(() => quietly(search))) ?? undefined;
  } catch {
    // Dawn throws where it finds no adapter of a name, and lists those that it has.
    return undefined;
  }
}

/**
 * @throws NoAdapterError when no adapter is found, with what to install.
 */
export async function findAdapter(options: AdapterOptions = {}): Promise<FoundAdapter> {
  const wanted = options.adapter ?? (process.env.VGG16_ADAPTER || undefined);
  const flags = [`enable-dawn-features=${ENABLED.join(',')}`, `disable-dawn-features=${DISABLED.join(',')}`];

  if (wanted === 'null') {
    const adapter = await request([...flags, 'backend=null']);
    if (adapter) return { adapter, source: 'null' };
    throw new NoAdapterError("Dawn's null backend gave no adapter; reinstall the npm package webgpu");
  }
  if (wanted === 'swiftshader') {
    if (await useSwiftShader()) {
      const adapter = await request(flags);
      if (adapter) return { adapter, source: 'swiftshader' };
    }
    throw new NoAdapterError(
      `SwiftShader was asked for but did not start; npm install ${SWIFTSHADER_PACKAGE} (Linux on x64 only)`,
    );
  }
  if (wanted !== undefined) {
    const adapter = await request([...flags, `adapter=${wanted}`]);
    if (adapter) return { adapter, source: 'system' };
    throw new NoAdapterError(
      `no adapter whose name contains "${wanted}"; see \`vgg16 doctor\` for the one there is`,
    );
  }
  const adapter = await request(flags);
  // A process that has once fallen back to SwiftShader stays with it.
  if (adapter) return { adapter, source: usesSwiftShader() ? 'swiftshader' : 'system' };
  if (await useSwiftShader()) {
    const software = await request(flags);
    if (software) return { adapter: software, source: 'swiftshader' };
  }
  throw new NoAdapterError(`no WebGPU adapter found; ${installAdvice()}`);
}

/** What gives this machine an adapter, or a faster one than SwiftShader. */
export function installAdvice({ isSoftwareThere = false } = {}): string {
  if (process.platform !== 'linux')
    return 'update the graphics driver (Metal on macOS, Direct3D 12 on Windows)';
  const software =
    process.arch === 'x64' && !isSoftwareThere
      ? `, or npm install ${SWIFTSHADER_PACKAGE} (slow, but needs no driver)`
      : '';
  return `install a Vulkan driver: the GPU vendor's, or Mesa 23 or newer (Debian: mesa-vulkan-drivers)${software}`;
}
