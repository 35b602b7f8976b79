// linear / 04 transpose: a fully connected layer for a batch, first of three passes: x transposed
//
// Computes   xt[d,n] = x[n,d], and 0 for rows n that only fill up the last quad
// Shapes     x (N,D) f32 · xt (D,ROWS), ROWS the least multiple of 4 that is at least N; both read and written as quads
// Threads    a thread owns 4x4 numbers; neighbouring threads own neighbouring depths; dispatch (ceil(D/4/64) as a rectangle, ROWS/4)
// Cost       every number is read and written once; arithmetic intensity 0 FLOP/B; small beside the second pass, which reads each
//            number once per 128 columns
// Requires   nothing
// Changed    03 needs none: with a few rows, four depths of a row make a quad as good as four rows of a depth
// Source     the packing of GotoBLAS: Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008

override D: u32 = 4;
override N: u32 = 4;
override DQ: u32 = D / 4; // in quads: four depths or rows, one vec4
override ROW_QUADS: u32 = (N + 3) / 4;

const THREADS: u32 = 64;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> xt: array<vec4f>;

fn quad(n: u32, dq: u32) -> vec4f {
  return select(vec4f(), x[min(n, N - 1) * DQ + dq], n < N);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let dq = gid.y * groups.x * THREADS + gid.x;
  let row = gid.z;
  if (dq >= DQ) {
    return;
  }
  let n = 4 * row;
  let columns = transpose(mat4x4f(quad(n, dq), quad(n + 1, dq), quad(n + 2, dq), quad(n + 3, dq)));
  for (var i = 0u; i < 4; i++) {
    xt[(4 * dq + i) * ROW_QUADS + row] = columns[i];
  }
}
