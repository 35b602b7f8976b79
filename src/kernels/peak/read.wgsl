// peak: a buffer read once, as fast as it can be
//
// Computes   y[i] = x[i] + x[i + T] + x[i + 2T] + ..., T being the number of threads
// Shapes     x (any number) quads f32 · y (T) quads
// Threads    a thread owns a quad of y; neighbouring threads read neighbouring quads; dispatch T/64, as a rectangle
// Cost       4 floating point operations for 16 bytes: memory bound everywhere
// Requires   nothing
// Source     the slope of a roofline: Williams, Waterman and Patterson, "Roofline: An Insightful Visual Performance Model for
//            Multicore Architectures", 2009

const THREADS: u32 = 64;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  let T = arrayLength(&y);
  if (index >= T) {
    return;
  }
  var sum = vec4f();
  for (var i = index; i < arrayLength(&x); i += T) {
    sum += x[i];
  }
  y[index] = sum;
}
