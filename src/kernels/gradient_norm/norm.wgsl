// gradient_norm: the norm of all gradients, second of two passes: partial sums into norm and factor
//
// Computes   norm = sqrt(sum_s partial[s]); factor = min(1, MAX_NORM / (norm + 1e-6)). Where the squares overflow, from gradients
//            of about 1e19, the norm is infinite and the factor 0; where one gradient is NaN, both are NaN
// Shapes     partial (slices of all tensors) f32 · clip (4): factor, norm, 0, 0
// Threads    one workgroup of 64; thread t owns partial sums t, t+64, ...; dispatch (1)
// Tile       the 64 threads' sums meet in workgroup memory, pairwise, in a fixed order, as in softmax
// Cost       at most 1024 numbers per tensor; small, so bound by latency
// Requires   nothing
// Source     torch.nn.utils.clip_grad_norm_; Pascanu, Mikolov and Bengio 2013 (arXiv:1211.5063), section 3.2

override MAX_NORM: f32 = 1;

const THREADS: u32 = 64;
const_assert (THREADS & (THREADS - 1)) == 0;

const INFINITY: u32 = 0x7f800000;

@group(0) @binding(0) var<storage, read> partial: array<f32>;
// As bits: a compiler may assume that floats are finite, and handle the others wrongly.
@group(0) @binding(1) var<storage, read_write> clip: array<u32, 4>;

var<workgroup> sums: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) t: u32) {
  var mine = 0.0;
  for (var s = t; s < arrayLength(&partial); s += THREADS) {
    mine += partial[s];
  }
  sums[t] = mine;
  for (var stride = THREADS / 2; stride > 0; stride /= 2) {
    workgroupBarrier();
    if (t < stride) {
      sums[t] += sums[t + stride];
    }
  }
  if (t == 0) {
    let norm = sqrt(sums[0]);
    let factor = min(1, MAX_NORM / (norm + 1e-6));
    let bits = bitcast<u32>(sums[0]);
    clip[0] = select(bitcast<u32>(factor), select(bits, 0, bits == INFINITY), bits >= INFINITY);
    clip[1] = select(bitcast<u32>(norm), bits, bits >= INFINITY);
    clip[2] = 0;
    clip[3] = 0;
  }
}
