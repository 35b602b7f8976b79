// warp: pictures turned, moved, scaled, mirrored and recoloured, each by its own affine maps
//
// Computes   y[n,h,w] = round(clamp(colour_n * (p, 1), 0, 255)), p the source's value at map_n * (w+0.5, h+0.5, 1),
//            bilinear between the middles of its pixels, its edges continued
// Shapes     pixels: sources of any size, (height,width,3) bytes each, four to a u32 without gaps between sources ·
//            views (N) · y (N,S,S,3) bytes, four to a u32
// Threads    a thread owns 4 neighbouring pixels of y, because 12 bytes are whole words; dispatch ceil(N*S*S/4/64)
// Cost       global reads per pixel 12 bytes out of words that neighbours share; 3 bytes written; memory bound. No
//            antialiasing: right for scales near 1, to which the source has been resized before
// Requires   nothing
// Source     inverse mapping with bilinear interpolation: Wolberg, "Digital Image Warping", 1990, chapters 3 and 5

override S: u32 = 1;

const THREADS: u32 = 64;

struct View {
  first_byte: u32,
  width: u32,
  height: u32,
  map: mat3x3f,
  colour: mat4x4f,
}

@group(0) @binding(0) var<storage, read> pixels: array<u32>;
@group(0) @binding(1) var<storage, read> views: array<View>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

fn byte_at(index: u32) -> f32 {
  return f32(extractBits(pixels[index / 4], 8 * (index % 4), 8));
}

fn pixel_at(n: u32, at: vec2i) -> vec3f {
  let size = vec2i(i32(views[n].width), i32(views[n].height));
  let inside = vec2u(clamp(at, vec2i(0), size - 1));
  let first = views[n].first_byte + 3 * (inside.y * views[n].width + inside.x);
  return vec3f(byte_at(first), byte_at(first + 1), byte_at(first + 2));
}

fn sample(n: u32, uv: vec2f) -> vec3f {
  let corner = floor(uv);
  let part = uv - corner;
  let at = vec2i(corner);
  let above = mix(pixel_at(n, at), pixel_at(n, at + vec2i(1, 0)), part.x);
  let below = mix(pixel_at(n, at + vec2i(0, 1)), pixel_at(n, at + vec2i(1, 1)), part.x);
  return mix(above, below, part.y);
}

// The three bytes of pixel p of all of y.
fn warped(p: u32) -> vec3u {
  let n = p / (S * S);
  let uv = views[n].map * vec3f(f32(p % S) + 0.5, f32(p / S % S) + 0.5, 1);
  let rgb = views[n].colour * vec4f(sample(n, uv.xy - 0.5), 1);
  return vec3u(floor(clamp(rgb.rgb, vec3f(0), vec3f(255)) + 0.5));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let quad = gid.y * groups.x * THREADS + gid.x;
  let count = arrayLength(&views) * S * S;
  if (4 * quad >= count) {
    return;
  }
  var bytes: array<u32, 12>;
  for (var i = 0u; i < 4; i++) {
    let rgb = warped(min(4 * quad + i, count - 1));
    bytes[3 * i] = rgb.r;
    bytes[3 * i + 1] = rgb.g;
    bytes[3 * i + 2] = rgb.b;
  }
  for (var i = 0u; i < 3; i++) {
    if (3 * quad + i < arrayLength(&y)) {
      y[3 * quad + i] =
        bytes[4 * i] | (bytes[4 * i + 1] << 8) | (bytes[4 * i + 2] << 16) | (bytes[4 * i + 3] << 24);
    }
  }
}
