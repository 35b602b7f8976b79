// peak: multiplications and additions in registers, as many as there can be
//
// Computes   r = r * a + b, REPEATS times, for 8 quads r of each thread; y[i] = their sum
// Shapes     ab (2) quads f32: a, b · y (threads) quads
// Threads    a thread owns a quad of y; dispatch as many as are wanted, as a rectangle
// Cost       64 floating point operations per thread and repetition, no memory. 8 chains, because each step of one waits for the last
// Requires   nothing
// Source     the upper line of a roofline: Williams, Waterman and Patterson, "Roofline: An Insightful Visual Performance Model
//            for Multicore Architectures", 2009

override REPEATS: u32 = 1024;

const THREADS: u32 = 64;

@group(0) @binding(0) var<storage, read> ab: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= arrayLength(&y)) {
    return;
  }
  // From memory, or the compiler would work it all out beforehand.
  let a = ab[0];
  let b = ab[1];
  var r_0 = vec4f(f32(index));
  var r_1 = r_0 + 1;
  var r_2 = r_0 + 2;
  var r_3 = r_0 + 3;
  var r_4 = r_0 + 4;
  var r_5 = r_0 + 5;
  var r_6 = r_0 + 6;
  var r_7 = r_0 + 7;
  for (var i = 0u; i < REPEATS; i++) {
    r_0 = r_0 * a + b;
    r_1 = r_1 * a + b;
    r_2 = r_2 * a + b;
    r_3 = r_3 * a + b;
    r_4 = r_4 * a + b;
    r_5 = r_5 * a + b;
    r_6 = r_6 * a + b;
    r_7 = r_7 * a + b;
  }
  y[index] = r_0 + r_1 + r_2 + r_3 + r_4 + r_5 + r_6 + r_7;
}
