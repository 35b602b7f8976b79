// sgd: a step of gradient descent with momentum, in place
//
// Computes   g = factor * dw + WEIGHT_DECAY * w; momentum = MOMENTUM * momentum + g;
//            w = w - lr * momentum, or w - lr * (g + MOMENTUM * momentum) with NESTEROV; lr = control.lr * RATE;
//            factor = clip[0] with CLIP, else 1
// Shapes     dw (...) f32, any shape, read as quads · control (5) · clip (4) · w (...), overwritten · momentum (...), overwritten
// Threads    a thread owns a quad; neighbouring threads own neighbouring quads; dispatch ceil(quads/64), as a rectangle
// Cost       global reads per weight 3, writes 2; arithmetic intensity 0.4 FLOP/B: memory bound
// Requires   nothing
// Source     torch.optim.SGD, dampening 0; Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013

override MOMENTUM: f32 = 0;
override NESTEROV: bool = false;
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
@group(0) @binding(4) var<storage, read_write> momentum: array<vec4f>;

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
  g += WEIGHT_DECAY * w[index];
  let velocity = MOMENTUM * momentum[index] + g;
  momentum[index] = velocity;
  w[index] -= control.lr * RATE * select(velocity, g + MOMENTUM * velocity, NESTEROV);
}
