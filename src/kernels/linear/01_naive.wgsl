// linear / 01 naive: a fully connected layer, with bias and ReLU
//
// Computes   y[n,o] = relu(b[o] + sum_d x[n,d] * k[d,o]) for the columns o of one piece of k
// Shapes     x (N,D) f32 · k (D,COLUMNS), columns FIRST to FIRST+COLUMNS-1 of (D,O) · b (O) · y (N,O)
// As matmul  rows M: the batch N   columns N: O   depth K: D
// Threads    workgroup 64x1 owns 64 columns of one row of y; a thread owns 1; dispatch (ceil(COLUMNS/64), N)
// Cost       global reads per FMA 2, in all 2*D per output. Counted once per workgroup, 1/BM + 1/BN = 65/64: arithmetic intensity
//            0.5 FLOP/B, where a cache holds what the workgroup shares; without caches, 2 numbers per FMA come to 0.25 FLOP/B
// Requires   nothing
// Changed    the first rung: the formula, as it stands
// Source     Simonyan & Zisserman 2014 (arXiv:1409.1556), section 2.1

override D: u32 = 4;
override O: u32 = 4;
override FIRST: u32 = 0;
override COLUMNS: u32 = O;
override RELU: bool = true;

const BM: u32 = 1;
const BN: u32 = 64;

// A weight as it is stored; the loader puts f16 here.
alias Weight = f32;
fn weight(index: u32) -> f32 { return f32(k[index]); }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<Weight>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(BN, BM)
fn main(@builtin(global_invocation_id) gid: vec3u) {
  let column = gid.x;
  let n = gid.y;
  if (column >= COLUMNS || n >= arrayLength(&y) / O) {
    return;
  }
  let o = FIRST + column;

  var sum = b[o];
  for (var d = 0u; d < D; d++) {
    sum += x[n * D + d] * weight(d * COLUMNS + column);
  }
  y[n * O + o] = select(sum, max(sum, 0.0), RELU);
}
