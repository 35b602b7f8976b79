// pack: numbers of a weights file, in whatever order, into the order that conv3x3 and linear read, as f16
//
// Computes   k[to + sum_a i_a*to_a] = f16(source[from + sum_a i_a*from_a]) for all i_a < size_a, a = 0..3; rounded to nearest,
//            ties to even
// Shapes     source: the file's numbers, f32, f16 or bf16, as bytes in words · box (16) · k f16, two columns per word; to and
//            to_1 to to_3 even
// Threads    a thread owns a word, two columns, of k and goes through its rows: i_0 is the column, i_1 the row; neighbouring threads own
//            neighbouring words; dispatch (ceil(size_0/128), ceil(size_1/16), size_2*size_3)
// Cost       once, at load: 2 reads and 1 write per word
// Requires   nothing: f16 is made of bits, because pack2x16float may round in any direction and flush subnormals
// Source     the order: see pack. Rounding: IEEE 754-2019, section 4.3.1, as in ../../weights/floats.ts
//
//                   sign  exponent  mantissa   largest finite   smallest normal
//              f32     1       8         23       3.4e38            2^-126
//              f16     1       5         10       65504             2^-14             subnormals in steps of 2^-24

struct Box {
  size: vec4u,
  from_step: vec4u,
  to_step: vec4u,
  from_start: u32,
  to_start: u32,
  dtype: u32, // 0 f32, 1 f16, 2 bf16
}

const THREADS: u32 = 64;
// Rows of a thread, unless there are more than workgroups may be.
const ROWS: u32 = 16;

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read> box: Box;
@group(0) @binding(2) var<storage, read_write> k: array<u32>;

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
  if (box.dtype == 0) {
    return half_of(source[index]);
  }
  let half = extractBits(source[index / 2], 16 * (index % 2), 16);
  if (box.dtype == 2) {
    return half_of(half << 16);
  }
  return half;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let column = 2 * gid.x;
  if (column >= box.size[0]) {
    return;
  }
  // The second column of the last word is padding where their number is odd.
  let is_pair = column + 1 < box.size[0];
  let outer = vec2u(gid.z % box.size[2], gid.z / box.size[2]);
  let first = box.from_start + column * box.from_step[0] + outer.x * box.from_step[2] + outer.y * box.from_step[3];
  let start = box.to_start + column + outer.x * box.to_step[2] + outer.y * box.to_step[3];
  for (var row = gid.y; row < box.size[1]; row += groups.y) {
    let at = first + row * box.from_step[1];
    var halves = read_source(at);
    if (is_pair) {
      halves |= read_source(at + box.from_step[0]) << 16;
    }
    k[(start + row * box.to_step[1]) / 2] = halves;
  }
}
