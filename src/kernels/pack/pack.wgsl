// pack: rows of a kernel from a weights file's bytes into the order that conv3x3 and linear read
//
// Computes   k[s,c,FIRST+r] = f32(source[r,c,s]), zero where c is padding
// Shapes     source (ROWS,SOURCE_C,SPACE) of f32, f16 or bf16, as bytes in words · k (SPACE,C,COLUMNS) f32
// Threads    a thread owns one number of k; neighbouring threads own neighbouring columns; dispatch ceil(SPACE*C*ROWS/64), as a
//            rectangle
// Cost       once, at load: 1 read and 1 write per number
// Requires   nothing: f16 values are unpacked by unpack2x16float, which is core WGSL
// Source     PyTorch stores output channels first and space last; our kernels read space first and output channels last.
//
//              a convolution       (O, C, 3, 3)     ->   (3, 3, C, O)     SPACE = 9
//              fc1                 (O, C, H, W)     ->   (H, W, C, O)     SPACE = H*W: mends the flatten order as well
//              fc2, fc3            (O, C)           ->   (C, O)           SPACE = 1

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
@group(0) @binding(1) var<storage, read_write> k: array<f32>;

fn read_source(index: u32) -> f32 {
  if (DTYPE == 0) {
    return bitcast<f32>(source[index]);
  }
  let half = extractBits(source[index / 2], 16 * (index % 2), 16);
  if (DTYPE == 2) {
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
  let index = gid.y * groups.x * THREADS + gid.x;
  if (index >= SPACE * C * ROWS) {
    return;
  }
  let r = index % ROWS;
  let c = index / ROWS % C;
  let s = index / ROWS / C;
  var value = 0.0;
  if (c < SOURCE_C) {
    value = read_source((r * SOURCE_C + c) * SPACE + s);
  }
  k[(s * C + c) * COLUMNS + FIRST + r] = value;
}
