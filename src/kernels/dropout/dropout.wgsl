// dropout: a random share of activations left out, the others scaled up, in place; forward and backward alike
//
// Computes   x[n,o] = x[n,o] * SCALE where random(seed, step, LAYER, FIRST + n*O+o) >= DROPPED, else 0; DROPPED = rate * 2^32,
//            SCALE = 1 / (1 - rate)
// Shapes     x (N,O) f32, overwritten · control (5); O a multiple of 4, read as quads
// Threads    a thread owns a quad of x; neighbouring threads own neighbouring quads; dispatch ceil(N*O/4/64), as a rectangle
// Cost       global reads per output 1, writes 1; arithmetic intensity 0.125 FLOP/B, beside 9 integer operations: memory bound. The mask
//            is a function of numbers that the backward pass knows as well: it is computed twice and never stored
// Requires   nothing
// Source     Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014, scaled in training;
//            pcg4d, four words to four random words: Jarzynski and Olano, "Hash Functions for GPU Rendering", 2020

override LAYER: u32 = 0;
override FIRST: u32 = 0; // in quads: where x begins in a larger batch
override DROPPED: u32 = 0;
override SCALE: f32 = 1;

const THREADS: u32 = 64;

struct Control {
  lr: f32,
  step: u32,
  seed: u32,
  adam_step: f32,
  adam_scale: f32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> control: Control;

fn pcg4d(key: vec4u) -> vec4u {
  var v = key * 1664525u + 1013904223u;
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  v ^= v >> vec4u(16);
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  return v;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= arrayLength(&x)) {
    return;
  }
  let random = pcg4d(vec4u(FIRST + index, LAYER, control.step, control.seed));
  x[index] = select(vec4f(), x[index] * SCALE, random >= vec4u(DROPPED));
}
