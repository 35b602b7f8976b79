// linear: the gradient by the bias, of a fully connected layer
//
// Computes   db[o] = sum_n dy[n,o], in the order of the rows; with ACCUMULATE, added to what db holds
// Shapes     dy (N,O) f32 · db (O); O a multiple of 4, read as quads
// Threads    a thread owns a quad of db; neighbouring threads own neighbouring quads; dispatch ceil(O/4/64), as a rectangle
// Cost       every number of dy is read once; arithmetic intensity 0.25 FLOP/B: memory bound, and small beside the kernel's
// Requires   nothing
// Source     the kernel's gradient, for an input that is always 1

override O: u32 = 4;
override ACCUMULATE: bool = false;
override OQ: u32 = O / 4; // in quads: four columns, one vec4

const THREADS: u32 = 64;

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> db: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let oq = gid.y * groups.x * THREADS + gid.x;
  if (oq >= OQ) {
    return;
  }
  let N = arrayLength(&dy) / OQ;
  var sum = vec4f();
  for (var n = 0u; n < N; n++) {
    sum += dy[n * OQ + oq];
  }
  db[oq] = select(sum, sum + db[oq], ACCUMULATE);
}
