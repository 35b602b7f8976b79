// gradient_norm: the norm of all gradients, first of two passes: squares of one tensor added up, slice by slice
//
// Computes   partial[FIRST + s] = sum of dw^2 over the quads that slice s owns
// Shapes     dw (...) f32, any shape, read as quads · partial (slices of all tensors)
// Threads    workgroup of 64 is a slice; of S slices together, thread t of slice s owns quads 64*s+t, 64*(S+s)+t, ...;
//            dispatch (S), at most 1024
// Tile       the 64 threads' sums meet in workgroup memory, pairwise, in a fixed order, as in softmax
// Cost       every number is read once, neighbouring threads side by side; arithmetic intensity 0.5 FLOP/B: memory bound. 119 million
//            numbers make 454 quads per thread
// Requires   nothing
// Source     a sum in a fixed order is the same every time; one by atomics is not

override FIRST: u32 = 0;

const THREADS: u32 = 64;
const_assert (THREADS & (THREADS - 1)) == 0;

@group(0) @binding(0) var<storage, read> dw: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> partial: array<f32>;

var<workgroup> sums: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) t: u32,
) {
  var squares = vec4f();
  for (var index = group.x * THREADS + t; index < arrayLength(&dw); index += groups.x * THREADS) {
    squares += dw[index] * dw[index];
  }
  sums[t] = dot(squares, vec4f(1));
  for (var stride = THREADS / 2; stride > 0; stride /= 2) {
    workgroupBarrier();
    if (t < stride) {
      sums[t] += sums[t + stride];
    }
  }
  if (t == 0) {
    partial[FIRST + group.x] = sums[0];
  }
}
