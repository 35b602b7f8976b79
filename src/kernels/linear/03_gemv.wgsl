// linear / 03 gemv: matrix times a few vectors, first of two passes: partial sums
//
// Computes   partial[s,n,o] = sum_{d in slice s} x[n,d] * k[d,o] for the columns o of one piece of k
// Shapes     x (N,D) f32 · k (D,COLUMNS), columns FIRST to FIRST+COLUMNS-1 of (D,O) · piece (D,O,FIRST,COLUMNS,DEPTH) u32 ·
//            partial (SLICES,N,O); D, O, FIRST, COLUMNS and DEPTH multiples of 4, read as quads; N = BATCH rows, few
// As matmul  rows M: the batch N, at most 8   columns N: O   depth K: D
// Threads    workgroup of 64 owns 256 columns of one slice of the depth, for all rows; a thread owns a quad of columns;
//            dispatch (ceil(COLUMNS/256), SLICES)
// Tile       k is cut into slices of DEPTH rows, so that there is work for the whole GPU even when O is small:
//
//                 k:  | t0 | t1 | t2 | ...      slice 0:  workgroup (0,0), (1,0), ...  ->  partial[0]
//                     | t0 | t1 | t2 | ...      slice 1:  workgroup (0,1), (1,1), ...  ->  partial[1]
//
// Cost       global reads per FMA 1/N + 1/4: every number of k once, neighbouring threads side by side; x from caches. Counted once per
//            workgroup, 1/N + 1/256: arithmetic intensity about 0.5*N FLOP/B, so bound by memory, as a matrix times a vector must be
//            (02 with N = 1: 15 of 16 rows of a tile are empty)
// Requires   nothing
// Changed    against 02: no tile, since nothing of k is shared; lanes over columns; the depth over workgroups
// Source     the split-K matrix-vector product; the sums meet in 03_gemv_sum in a fixed order, so no atomics

// No override constants, so that one pipeline serves every piece of every layer: CPUs are slow to compile. DEPTH: rows of k in a
// slice.
struct Piece { D: u32, O: u32, FIRST: u32, COLUMNS: u32, DEPTH: u32 }

const THREADS: u32 = 64;
const BATCH: u32 = 1;

// Four weights as they are stored; the loader puts f16 here.
alias WeightQuad = vec4f;
fn widen(q: WeightQuad) -> vec4f { return vec4f(q); }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<WeightQuad>;
@group(0) @binding(2) var<storage, read> piece: Piece;
@group(0) @binding(3) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u) {
  let D = piece.D;
  let column_quads = piece.COLUMNS / 4;
  let column = gid.x;
  let slice = gid.y;
  if (column >= column_quads) {
    return;
  }

  // An array, because BATCH is set by the loader; compilers that unroll the loops keep it in registers.
  var sums: array<vec4f, BATCH>;
  let end = min((slice + 1) * piece.DEPTH, D);
  for (var d = slice * piece.DEPTH; d < end; d += 4) {
    let k_block = mat4x4f(
      widen(k[d * column_quads + column]),
      widen(k[(d + 1) * column_quads + column]),
      widen(k[(d + 2) * column_quads + column]),
      widen(k[(d + 3) * column_quads + column]),
    );
    for (var n = 0u; n < BATCH; n++) {
      sums[n] += k_block * x[(n * D + d) / 4];
    }
  }
  for (var n = 0u; n < BATCH; n++) {
    partial[((slice * BATCH + n) * piece.O + piece.FIRST) / 4 + column] = sums[n];
  }
}
