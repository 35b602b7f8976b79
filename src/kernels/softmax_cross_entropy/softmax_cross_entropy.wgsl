// softmax_cross_entropy: the loss of a batch of scores, row by row, and its gradient
//
// Computes   truth[n,c]  = w[c] * (SPREAD + TRUTH where c is the row's label); SPREAD = smoothing / CLASSES, TRUTH = 1 - smoothing
//            rows[n]     = sum_c truth[n,c] * -log softmax(x[n])[c], w[label], 1 if the label scores highest, 1
//            dx[n,c]     = (softmax(x[n])[c] * sum_c truth[n,c] - truth[n,c]) / sum of w[label] over the batch
//            zeros in the padding and in rows labelled IGNORED; a score that is not finite, or a label that is no class: NaN in rows
// Shapes     x (N,O) f32 · labels (B) words, of which x's rows are FIRST to FIRST+N-1 · w (O) · dx (N,O) · rows (N,4); the first CLASSES of O are scores, the rest is padding
// Threads    workgroup of 32 owns a row; thread t owns columns t, t+32, ...; dispatch (N)
// Tile       the threads' results meet in workgroup memory twice, first the largest score, then what is relative to it; each
//            thread goes over all 32, in the same order:
//
//                 t0 t1 t2 ... t31   ->   t0+t1+t2+ ... +t31   in every thread, after one barrier and not six
//
//            Every workgroup adds up the batch's weights itself: few numbers, and a pass less
// Cost       global reads per output 6 + 2*N/O; arithmetic intensity 0.5 FLOP/B; small, so bound by latency
// Requires   nothing
// Source     torch.nn.CrossEntropyLoss(weight, label_smoothing, reduction='mean'); label smoothing: Szegedy et al. 2015
//            (arXiv:1512.00567), section 7. Scores are taken less their maximum, so that exp does not overflow

override O: u32 = 4;
override CLASSES: u32 = 4;
override TRUTH: f32 = 1;
override SPREAD: f32 = 0;
override FIRST: u32 = 0;

const THREADS: u32 = 32;

const IGNORED: u32 = 0xffffffff;
const LOWEST: f32 = -0x1.fffffep+127;
const EXPONENT: u32 = 0x7f800000;
const NAN: u32 = 0x7fc00000;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
// As bits: a compiler that trusts in finite numbers may not touch a NaN among them.
@group(0) @binding(4) var<storage, read_write> rows: array<vec4u>;

/** What has to be known first: of the row, and of the batch. */
struct Scores {
  best: f32,
  best_at: u32,
  bad: u32,
  truth: f32,
  batch_weight: f32,
}

var<workgroup> scores: array<Scores, THREADS>;
var<workgroup> shares: array<vec2f, THREADS>;

/** Of equal scores the one that comes first is the best. */
fn join(a: Scores, b: Scores) -> Scores {
  let first = a.best > b.best || (a.best == b.best && a.best_at < b.best_at);
  return Scores(
    select(b.best, a.best, first),
    select(b.best_at, a.best_at, first),
    a.bad | b.bad,
    a.truth + b.truth,
    a.batch_weight + b.batch_weight,
  );
}

fn weight_of(label: u32) -> f32 {
  return select(0, w[min(label, CLASSES - 1)], label < CLASSES);
}

fn truth_of(c: u32, label: u32) -> f32 {
  return w[c] * (SPREAD + select(0, TRUTH, c == label));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let n = group.x;
  let row = n * O;
  let label = labels[FIRST + n];

  var mine = Scores(LOWEST, O, 0, 0, 0);
  for (var c = t; c < CLASSES; c += THREADS) {
    let score = x[row + c];
    let bad = u32((bitcast<u32>(score) & EXPONENT) == EXPONENT);
    mine = join(mine, Scores(score, c, bad, truth_of(c, label), 0));
  }
  for (var r = t; r < arrayLength(&labels); r += THREADS) {
    mine.batch_weight += weight_of(labels[r]);
  }
  scores[t] = mine;
  workgroupBarrier();
  var all = scores[0];
  for (var other = 1u; other < THREADS; other++) {
    all = join(all, scores[other]);
  }

  // How far the others are below the largest score, as shares and as the truth has it: sums of nothing below zero.
  var share = vec2f();
  for (var c = t; c < CLASSES; c += THREADS) {
    let below = x[row + c] - all.best;
    share += vec2f(exp(below), -below * truth_of(c, label));
  }
  shares[t] = share;
  workgroupBarrier();
  share = vec2f();
  for (var other = 0u; other < THREADS; other++) {
    share += shares[other];
  }

  // Without weight, as where all labels' weights are zero, torch divides 0 by 0; here nothing is learned.
  let scale = select(0, 1 / all.batch_weight, all.batch_weight > 0);
  for (var c = t; c < O; c += THREADS) {
    var gradient = 0.0;
    if (c < CLASSES && label != IGNORED) {
      gradient = (exp(x[row + c] - all.best) / share.x * all.truth - truth_of(c, label)) * scale;
    }
    dx[row + c] = gradient;
  }

  if (t == 0) {
    let bad = all.bad > 0 || label >= CLASSES;
    let hit = f32(!bad && all.best_at == label);
    // The largest score's own share is 1, so that the logarithm is not below 0.
    let loss = all.truth * max(log(share.x), 0) + share.y;
    let values = bitcast<vec4u>(vec4f(loss, weight_of(label), hit, 1));
    let checked = select(values, vec4u(NAN, values.yzw), bad);
    rows[n] = select(checked, vec4u(), label == IGNORED);
  }
}
