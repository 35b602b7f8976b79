// relu_backward: the gradient through ReLU, in place
//
// Computes   dy[i] = dy[i] where y[i] > 0, else 0
// Shapes     y (...) f32, any shape, what the forward pass gave · dy, as y, overwritten; read as quads
// Threads    a thread owns a quad of dy; neighbouring threads own neighbouring quads; dispatch ceil(quads/64), as a rectangle
// Cost       global reads per output 2, writes 1; arithmetic intensity 0.08 FLOP/B: memory bound
// Requires   nothing
// Source     Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", 2010. ReLU's own input is not
//            needed: its output is above zero in the same places. The output after dropout may be used as well:
//            where dropout wrote 0, the gradient is already 0

const THREADS: u32 = 64;

@group(0) @binding(0) var<storage, read> y: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> dy: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= arrayLength(&dy)) {
    return;
  }
  dy[index] = select(vec4f(), dy[index], y[index] > vec4f());
}
