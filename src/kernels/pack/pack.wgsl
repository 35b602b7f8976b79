// pack: numbers of a weights file, in whatever order, into the order that conv3x3 and linear read
//
// Computes   k[to + sum_a i_a*to_a] = f32(source[from + sum_a i_a*from_a]) for all i_a < size_a, a = 0..3
// Shapes     source: the file's numbers, f32, f16 or bf16, as bytes in words · box (16) · k f32
// Threads    a thread owns a column of k and goes through its rows: i_0 is the column, i_1 the row; neighbouring threads own
//            neighbouring columns; dispatch (ceil(size_0/64), ceil(size_1/16), size_2*size_3)
// Cost       once, at load: 1 read and 1 write per number
// Requires   nothing: f16 values are unpacked by unpack2x16float, which is core WGSL
// Source     Our kernels are (3,3,C,O) and (D,O), output channels last. What a file has becomes a box by its strides alone:
//
//              PyTorch's convolution  (O,C,3,3)   size (O,C,3,3)  from (9*C, 9, 3, 1)     to (1, O, 3*C*O, C*O)
//              Keras' convolution     (3,3,C,O)   size (O,9*C)    from (1, O)             to (1, O)
//              PyTorch's fc1          (O,C,H,W)   size (O,C,H*W)  from (C*H*W, H*W, 1)    to (1, O, C*O): mends the flatten order
//              Keras' fc1             (H,W,C,O)   size (O,H*W*C)  from (1, O)             to (1, O)

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
@group(0) @binding(2) var<storage, read_write> k: array<f32>;

fn read_source(index: u32) -> f32 {
  if (box.dtype == 0) {
    return bitcast<f32>(source[index]);
  }
  let half = extractBits(source[index / 2], 16 * (index % 2), 16);
  if (box.dtype == 2) {
    return bitcast<f32>(half << 16);
  }
  let magnitude = half & 0x7fff;
  if (magnitude < 0x0400) {
    // Subnormal: unpack2x16float may flush it to zero, and in the embedded base six weights in a thousand are.
    return f32(magnitude) * select(0x1p-24, -0x1p-24, half >= 0x8000);
  }
  return unpack2x16float(half).x;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let column = gid.x;
  if (column >= box.size[0]) {
    return;
  }
  let outer = vec2u(gid.z % box.size[2], gid.z / box.size[2]);
  let first = box.from_start + column * box.from_step[0] + outer.x * box.from_step[2] + outer.y * box.from_step[3];
  let start = box.to_start + column + outer.x * box.to_step[2] + outer.y * box.to_step[3];
  for (var row = gid.y; row < box.size[1]; row += groups.y) {
    k[start + row * box.to_step[1]] = read_source(first + row * box.from_step[1]);
  }
}
