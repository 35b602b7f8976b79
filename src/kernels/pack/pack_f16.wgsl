// pack: rows of a kernel from a weights file's bytes into the order that conv3x3 and linear read, as f16
//
// Computes   k[s,c,FIRST+r] = f16(source[r,c,s]), zero where c is padding; rounded to nearest, ties to even
// Shapes     source (ROWS,SOURCE_C,SPACE) of f32, f16 or bf16, as bytes in words · k (SPACE,C,COLUMNS) f16, two
//            columns per word; FIRST and COLUMNS even
// Threads    a thread owns one word of k, which no other thread may write: two columns, the second of them zero where ROWS
//            ends before it; neighbouring threads own neighbouring words; dispatch ceil(SPACE*C*ceil(ROWS/2)/64), as a rectangle
// Cost       once, at load: 2 reads and 1 write per word
// Requires   nothing: f16 is made of bits, because pack2x16float may round in any direction and flush subnormals
// Source     the order: see pack. Rounding: IEEE 754-2019, section 4.3.1, as in ../../weights/floats.ts
//
//                   sign  exponent  mantissa   largest finite   smallest normal
//              f32     1       8         23       3.4e38            2^-126
//              f16     1       5         10       65504             2^-14             subnormals in steps of 2^-24

override ROWS: u32 = 1;
override SPACE: u32 = 1;
override SOURCE_C: u32 = 4;
override C: u32 = 4;
override COLUMNS: u32 = 4;
override FIRST: u32 = 0;
// 0 f32, 1 f16, 2 bf16
override DTYPE: u32 = 0;

const THREADS: u32 = 64;

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> k: array<u32>;

// word / 2^shift, rounded to nearest, ties to even: adds just under a half, or a half where the result is odd.
fn rounded_shift(word: u32, shift: u32) -> u32 {
  let under_half = (1u << (shift - 1)) - 1;
  return (word + under_half + ((word >> shift) & 1)) >> shift;
}

// A finite f32's bits as f16's. What is too large becomes infinite; the loader lets none of that through.
fn half_of(single: u32) -> u32 {
  let sign = (single >> 16) & 0x8000;
  let magnitude = single & 0x7fffffff;
  if (magnitude >= 0x477ff000) {
    return sign | 0x7c00; // 65520 and more: nearer to 2^16 than to 65504, or a tie
  }
  if (magnitude >= 0x38800000) {
    // 2^-14 and more. A carry out of the mantissa raises the exponent.
    return sign | rounded_shift(magnitude - ((127 - 15) << 23), 13);
  }
  if (magnitude <= 0x33000000) {
    return sign; // 2^-25 and less: nearer to 0 than to 2^-24, or a tie
  }
  let mantissa = (magnitude & 0x007fffff) | 0x00800000;
  return sign | rounded_shift(mantissa, 126 - (magnitude >> 23)); // counts steps of 2^-24
}

fn read_source(index: u32) -> u32 {
  if (DTYPE == 0) {
    return half_of(source[index]);
  }
  let half = extractBits(source[index / 2], 16 * (index % 2), 16);
  if (DTYPE == 2) {
    return half_of(half << 16);
  }
  return half;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = gid.y * groups.x * THREADS + gid.x;
  let row_pairs = (ROWS + 1) / 2;
  if (index >= SPACE * C * row_pairs) {
    return;
  }
  let r = 2 * (index % row_pairs);
  let c = index / row_pairs % C;
  let s = index / row_pairs / C;
  var halves = 0u;
  if (c < SOURCE_C) {
    halves = read_source((r * SOURCE_C + c) * SPACE + s);
    if (r + 1 < ROWS) {
      halves |= read_source(((r + 1) * SOURCE_C + c) * SPACE + s) << 16;
    }
  }
  k[((s * C + c) * COLUMNS + FIRST + r) / 2] = halves;
}
