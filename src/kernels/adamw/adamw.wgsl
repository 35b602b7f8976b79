// adamw: a step of Adam with decoupled weight decay, in place
//
// Computes   g = factor * dw; m = BETA1 * m + NEW1 * g; v = BETA2 * v + NEW2 * g^2; NEW1 = 1 - BETA1, NEW2 = 1 - BETA2;
//            w = w * (1 - RATE * lr * WEIGHT_DECAY) - RATE * adam_step * m / (sqrt(v) * adam_scale + EPSILON);
//            factor = clip[0] with CLIP, else 1
// Shapes     dw (...) f32, any shape, read as quads · control (5): adam_step = lr / (1 - BETA1^step), adam_scale =
//            1 / sqrt(1 - BETA2^step) · clip (4) · w (...), overwritten · m (...), overwritten · v (...), overwritten
// Threads    a thread owns a quad; neighbouring threads own neighbouring quads; dispatch ceil(quads/64), as a rectangle
// Cost       global reads per weight 4, writes 3; arithmetic intensity 0.5 FLOP/B: memory bound
// Requires   nothing
// Source     torch.optim.AdamW; Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019 (arXiv:1711.05101), algorithm 2

override BETA1: f32 = 0.9;
override NEW1: f32 = 0.1;
override BETA2: f32 = 0.999;
override NEW2: f32 = 0.001;
override EPSILON: f32 = 1e-8;
override WEIGHT_DECAY: f32 = 0;
override RATE: f32 = 1; // of this group of parameters, in learning rates
override CLIP: bool = false;

const THREADS: u32 = 64;

struct Control {
  lr: f32,
  step: u32,
  seed: u32,
  adam_step: f32,
  adam_scale: f32,
}

@group(0) @binding(0) var<storage, read> dw: array<vec4f>;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> clip: array<f32>;
@group(0) @binding(3) var<storage, read_write> w: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= arrayLength(&w)) {
    return;
  }
  var g = dw[index];
  if (CLIP) {
    g *= clip[0];
  }
  let mean = BETA1 * m[index] + NEW1 * g;
  let square = BETA2 * v[index] + NEW2 * g * g;
  m[index] = mean;
  v[index] = square;
  let step = RATE * control.adam_step * mean / (sqrt(square) * control.adam_scale + EPSILON);
  w[index] = w[index] * (1 - RATE * control.lr * WEIGHT_DECAY) - step;
}
