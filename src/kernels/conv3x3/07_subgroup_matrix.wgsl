// conv3x3 / 07 subgroup matrix: 3x3 convolution, stride 1, same padding, with bias and ReLU, by hardware that multiplies matrices
//
// Computes   y[n,h,w,o] = relu(b[o] + sum_{i,j,c} f16(x[n,h+i-1,w+j-1,c]) * k[i,j,c,o]), summed in f32
// Shapes     x (N,H,W,C) f32 · k (3,3,C,O) f16 · b (O) · y (N,H,W,O); C and O multiples of 4, read as quads of channels
// As matmul  rows M: N*H*W   columns N: O   depth K: 9*C
// Threads    workgroup 128 owns 128 pixels x 64 channels of y, a subgroup of 32 64x32; dispatch (ceil(O/64), M/128 over y and z)
// Tile       [ ] is a matrix of 16x16, stored contiguously in workgroup memory. A subgroup owns 4x2 of y:
//
//                                     tile_k: BK x BN
//                                     [k] [k] | [k] [k]
//                 tile_x: BM x BK     [k] [k] | [k] [k]
//                 [x] [x]             [y] [y] | [y] [y]      [y] += [x] * [k] is one call for a whole subgroup; its threads
//                 [x] [x]             [y] [y] | [y] [y]      hold the numbers between them, and none can tell which
//                  :   :               :   :  |  :   :
// Cost       global reads per FMA 1/BN of f32 (x) + 1/BM of f16 (k) = 1/64 + 1/256 numbers: arithmetic intensity 26 FLOP/B (03 on f16
//            weights: 21); TM + TN = 6 matrices read from workgroup memory for TM*TN = 8 products; workgroup memory 8 + 4 + 4 = 16 KiB, all
//            that WebGPU promises; barriers 2 per BK depths. x is rounded to the 11 bits of f16, values beyond +-65504 are clamped
// Requires   chromium-experimental-subgroup-matrix with f16 in and f32 out, shader-f16
// Changed    against 03: matrices for quads; depths run on from tap to tap; which taps are inside is found once per pixel
// Source     the warp tiles of CUDA's matrix products, on the implicit matrix; Dawn, docs/dawn/features/subgroup_matrix.md

enable f16, subgroups, chromium_experimental_subgroup_matrix;
// All threads of a subgroup take the same branch below, but the compiler cannot prove it.
diagnostic(off, chromium.subgroup_matrix_uniformity);

override H: u32 = 1;
override W: u32 = 1;
override C: u32 = 4;
override O: u32 = 4;
override RELU: bool = true;
override CQ: u32 = C / 4; // in quads: four channels, one vec4
override OQ: u32 = O / 4;

// What the adapter multiplies: (SM,SK) by (SK,SN).
const SM: u32 = 16;
const SN: u32 = 16;
const SK: u32 = 16;
const BM: u32 = 128;
const BN: u32 = 64;
const BK: u32 = 32;
// Subgroups down and across, and the most threads that one may have. With fewer there are more subgroups, which only copy.
const SUBGROUPS_M: u32 = 2;
const SUBGROUPS_N: u32 = 2;
const SUBGROUP: u32 = 32;
const_assert BM % (SUBGROUPS_M * SM) == 0 && BN % (SUBGROUPS_N * SN) == 0 && BK % SK == 0 && SN % 4 == 0 && SK % 4 == 0;

const TM: u32 = BM / SUBGROUPS_M / SM; // in matrices: what a subgroup owns
const TN: u32 = BN / SUBGROUPS_N / SN;
const SUBGROUPS: u32 = SUBGROUPS_M * SUBGROUPS_N;
const THREADS: u32 = SUBGROUPS * SUBGROUP;
const BNQ: u32 = BN / 4;
const BKQ: u32 = BK / 4;
// A thread copies the same quad of depths of PIXELS pixels, which are STEP apart.
const STEP: u32 = THREADS / BKQ;
const PIXELS: u32 = BM / STEP;
// BKQ: the last strip goes past depth 9*C, where taps are 9 and more, and 1 << tap needs them below 32.
const_assert THREADS % BKQ == 0 && BM % STEP == 0 && BKQ <= 16;
alias Left = subgroup_matrix_left<f16, SK, SM>; // columns, then rows
alias Right = subgroup_matrix_right<f16, SN, SK>;
alias Result = subgroup_matrix_result<f32, SN, SM>;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4h>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

var<workgroup> tile_x: array<f16, BM * BK>;
var<workgroup> tile_k: array<f16, BK * BN>;
var<workgroup> tile_y: array<f32, SUBGROUPS * SM * SN>; // a matrix of each subgroup

// A bit for each tap under which pixel m is inside the image; none where m is past the end.
fn taps_inside(m: u32) -> u32 {
  var taps = 0u;
  for (var tap = 0u; tap < 9; tap++) {
    taps |= u32(m / W % H + tap / 3 - 1 < H && m % W + tap % 3 - 1 < W) << tap;
  }
  return select(0, taps, m < arrayLength(&y) / OQ);
}

// Where a number of a tile is stored: its matrix, of which `across` are side by side, then its row and column in the matrix.
fn place(row: u32, column: u32, rows: u32, columns: u32, across: u32) -> u32 {
  return ((row / rows * across + column / columns) * rows + row % rows) * columns + column % columns;
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) t: u32, @builtin(subgroup_id) subgroup: u32,
) {
  let o0 = group.x * BNQ;
  let m0 = (group.z * groups.y + group.y) * BM;
  let first = vec2u(subgroup / SUBGROUPS_N * TM, subgroup % SUBGROUPS_N * TN); // row and column of the subgroup's first matrix
  var inside: array<u32, PIXELS>;
  for (var p = 0u; p < PIXELS; p++) { inside[p] = taps_inside(m0 + t / BKQ + p * STEP); }
  var sums: array<Result, TM * TN>; // stays in registers: every loop over it has constant bounds
  for (var d0 = 0u; d0 < 9 * CQ; d0 += BKQ) {
    let dq = t % BKQ;
    let tap = (d0 + dq) / CQ;
    // Above and left of the image this wraps around; the sum with a pixel whose tap is inside wraps back.
    let moved = m0 + tap / 3 * W + tap % 3 - W - 1;
    for (var p = 0u; p < PIXELS; p++) {
      let pixel = t / BKQ + p * STEP;
      var quad = vec4f();
      if ((inside[p] & (1u << tap)) != 0) { quad = x[(moved + pixel) * CQ + (d0 + dq) % CQ]; }
      let rounded = vec4h(clamp(quad, vec4f(-65504), vec4f(65504)));
      let at = place(pixel, 4 * dq, SM, SK, BK / SK);
      for (var i = 0u; i < 4; i++) { tile_x[at + i] = rounded[i]; }
    }
    for (var e = t; e < BK * BNQ; e += THREADS) {
      let d = e / BNQ;
      let oq = e % BNQ;
      var quad = vec4h();
      if (4 * d0 + d < 9 * C && o0 + oq < OQ) { quad = k[(4 * d0 + d) * OQ + o0 + oq]; }
      let at = place(d, 4 * oq, SK, SN, BN / SN);
      for (var i = 0u; i < 4; i++) { tile_k[at + i] = quad[i]; }
    }
    workgroupBarrier();

    for (var s = 0u; s < BK / SK && subgroup < SUBGROUPS; s++) {
      var left: array<Left, TM>; // loaded from where they begin: a matrix's number times its size
      for (var m = 0u; m < TM; m++) {
        left[m] = subgroupMatrixLoad<Left, row_major>(&tile_x, ((first.x + m) * (BK / SK) + s) * SM * SK, SK);
      }
      for (var n = 0u; n < TN; n++) {
        let right = subgroupMatrixLoad<Right, row_major>(&tile_k, (s * (BN / SN) + first.y + n) * SK * SN, SN);
        for (var m = 0u; m < TM; m++) {
          sums[m * TN + n] = subgroupMatrixMultiplyAccumulate(left[m], right, sums[m * TN + n]);
        }
      }
    }
    workgroupBarrier();
  }

  // Through workgroup memory: only there is it known which number is which, and so which bias to add.
  for (var i = 0u; i < TM * TN; i++) {
    if (subgroup < SUBGROUPS) { subgroupMatrixStore<row_major>(&tile_y, subgroup * SM * SN, sums[i], SN); }
    workgroupBarrier();
    for (var e = t; e < SUBGROUPS * SM * SN / 4; e += THREADS) {
      let owner = e / (SM * SN / 4); // the subgroup whose matrix i holds quad e
      let m = m0 + (owner / SUBGROUPS_N * TM + i / TN) * SM + e / (SN / 4) % SM;
      let oq = o0 + (owner % SUBGROUPS_N * TN + i % TN) * (SN / 4) + e % (SN / 4);
      if (m < arrayLength(&y) / OQ && oq < OQ) {
        let value = b[oq] + vec4f(tile_y[4 * e], tile_y[4 * e + 1], tile_y[4 * e + 2], tile_y[4 * e + 3]);
        y[m * OQ + oq] = select(value, max(value, vec4f()), RELU);
      }
    }
    workgroupBarrier();
  }
}
