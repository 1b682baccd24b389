// Every figure that scripts/bench gives: who is measured against whom, and what is to be reached. All contenders of one group
// take turns. `goal` is the ratio of ours to the best peer's, or to the roofline; without a goal the figure is a report.
//
// A contender: { engine, model, threads, ... } for native.mjs and, with `browser`, for browser.mjs.

const bitnet = (model, threads, more = {}) => ({ engine: 'bitnet', model, threads, ...more });
const chromium = (model, threads, flavour, more = {}) => bitnet(model, threads, { browser: 'chromium', flavour, ...more });
const wllama = (browser) => ({ engine: 'wllama', model: '0.7b-tq2_0-q6_k', threads: 1, browser });
const peer = (engine) => (model, threads, more = {}) => ({ engine, model, threads, ...more });
const [ik, bitnetcpp, bitnetcppAvx2, llamacpp] = ['ik_llama', 'bitnetcpp', 'bitnetcpp_avx2', 'llamacpp'].map(peer);
const limits = (threads, isa) => ({ engine: 'limits', threads, isa });

/// What our program is given for the rows that leave the choice of the head to each engine. The file's matrix scores what the
/// small head chose, so that no greedy id changes (tests/core/model).
const small = { head: 'int4' };
const best = { model: '2b4t-i2_s-q6_k', ...small };

const bestNative = (shape) => (threads) => [
  bitnetcpp(`${shape}-i2_s-f16`, threads), ik(`${shape}-iq2_bn_r4-f16`, threads), ik(`${shape}-iq2_bn-f16`, threads), llamacpp(`${shape}-tq2_0-f16`, threads)];
const best2b = bestNative('2b4t');
const best07b = bestNative('0.7b');
const both = (make) => [1, 2].flatMap(make);
const goals = (one, two) => ({ 1: one, 2: two });
const threads = (n) => (n === 1 ? '1 thread' : `${n} threads`);

export const figures = [
  // --- kernels, against the two loops of the same run that bound them ---
  { name: 'kernels_native', row: 'Ternary kernels, native', kind: 'kernels', goal: 0.85 },
  { name: 'kernels_chromium_relaxed', row: 'Ternary kernels, Chromium, relaxed SIMD', kind: 'kernels', browser: 'chromium', preset: 'wasm-relaxed-st', goal: 0.8 },
  { name: 'kernels_chromium_simd', row: 'Ternary kernels, Chromium, SIMD128', kind: 'kernels', browser: 'chromium', preset: 'wasm-simd-st', goal: 0.8 },

  // --- whole models, natively ---
  ...both((n) => [
    { name: `native_2b_decode_roofline_${n}t`, row: `Native 2B-4T decode, ${threads(n)}, against its roofline`, group: `2b-${n}t`, metric: 'decode',
      ours: bitnet('2b4t-i2_s-f16', n), roofline: limits(n), goal: 0.85 },
    { name: `native_2b_prefill_roofline_${n}t`, row: `Native 2B-4T prefill of 128, ${threads(n)}, against its roofline`, group: `2b-${n}t`, metric: 'prefill',
      ours: bitnet('2b4t-i2_s-f16', n), roofline: limits(n), goal: 0.75 },
    { name: `native_2b_decode_f16_${n}t`, row: `Native 2B-4T decode, f16 head, ${threads(n)}`, group: `2b-${n}t`, metric: 'decode',
      ours: bitnet('2b4t-i2_s-f16', n), peers: best2b(n), goal: goals(1.2, 1.15)[n] },
    { name: `native_2b_decode_best_${n}t`, row: `Native 2B-4T decode, best head (ours: int4 over Q6_K), ${threads(n)}`, group: `2b-${n}t`, metric: 'decode',
      ours: bitnet(best.model, n, best), peers: [bitnetcpp('2b4t-i2_s-q6_k', n), ik('2b4t-iq2_bn_r4-q6_k', n)], goal: goals(1.3, 1.2)[n] },
    { name: `native_2b_prefill_${n}t`, row: `Native 2B-4T prefill of 128, ${threads(n)}`, group: `2b-${n}t`, metric: 'prefill',
      ours: bitnet('2b4t-i2_s-f16', n), peers: best2b(n), goal: goals(1.15)[n] },
    { name: `native_07b_decode_${n}t`, row: `Native 0.7B decode, int4 head, ${threads(n)}`, group: `07b-${n}t`, metric: 'decode',
      ours: bitnet('0.7b-i2_s-f16', n, small), peers: best07b(n), goal: 1.25 },
    { name: `native_07b_prefill_${n}t`, row: `Native 0.7B prefill of 128, int4 head, ${threads(n)}`, group: `07b-${n}t`, metric: 'prefill',
      ours: bitnet('0.7b-i2_s-f16', n, small), peers: best07b(n) },
  ]),
  ...[['decode', 1.2], ['prefill', 2]].map(([metric, goal]) => (
    { name: `avx2_2b_${metric}_1t`, row: `Native 2B-4T ${metric} with AVX2 forced, 1 thread`, group: 'avx2', metric, goal,
      ours: bitnet('2b4t-i2_s-f16', 1, { isa: 'avx2' }), peers: [bitnetcppAvx2('2b4t-i2_s-f16', 1)] })),

  // --- browsers ---
  ...[['decode', 17], ['prefill', 18]].map(([metric, goal]) => (
    { name: `chromium_relaxed_07b_${metric}_1t`, row: `Chromium, relaxed SIMD, 0.7B ${metric}, int4 head, 1 thread`, group: 'chromium-07b', metric, goal,
      ours: chromium('0.7b-tq2_0-q6_k', 1, 'relaxed-st', small), peers: [wllama('chromium')] })),
  { name: 'chromium_simd_07b_decode_1t', row: 'Chromium, SIMD128, 0.7B decode, int4 head, 1 thread', group: 'chromium-07b', metric: 'decode', goal: 11,
    ours: chromium('0.7b-tq2_0-q6_k', 1, 'simd-st', small), peers: [wllama('chromium')] },
  { name: 'chromium_simd_07b_prefill_1t', row: 'Chromium, SIMD128, 0.7B prefill, int4 head, 1 thread', group: 'chromium-07b', metric: 'prefill',
    ours: chromium('0.7b-tq2_0-q6_k', 1, 'simd-st', small), peers: [wllama('chromium')] },
  { name: 'firefox_07b_decode_1t', row: 'Firefox, 0.7B decode, int4 head, 1 thread', group: 'firefox-07b', metric: 'decode', goal: 10,
    ours: bitnet('0.7b-tq2_0-q6_k', 1, { browser: 'firefox', ...small }), peers: [wllama('firefox')] },
  { name: 'firefox_07b_prefill_1t', row: 'Firefox, 0.7B prefill, int4 head, 1 thread', group: 'firefox-07b', metric: 'prefill',
    ours: bitnet('0.7b-tq2_0-q6_k', 1, { browser: 'firefox', ...small }), peers: [wllama('firefox')] },
  { name: 'chromium_2b_decode_1t', row: 'Chromium 2B-4T decode (int4 head over Q6_K) against native bitnet.cpp with f16 head, 1 thread', group: '2b-1t', metric: 'decode', goal: 1,
    ours: chromium(best.model, 1, 'relaxed-st', best), peers: [bitnetcpp('2b4t-i2_s-f16', 1)] },
  { name: 'chromium_2b_decode_2t', row: 'Chromium 2B-4T decode (int4 head over Q6_K) against native bitnet.cpp with f16 head, 2 threads', group: '2b-2t', metric: 'decode', goal: 1.3,
    ours: chromium(best.model, 2, 'relaxed-mt', best), peers: [bitnetcpp('2b4t-i2_s-f16', 2)] },
  { name: 'chromium_2b_decode_2t_small_head', row: 'Chromium 2B-4T decode (int4 head over Q6_K) against native bitnet.cpp with Q6_K head, 2 threads', group: '2b-2t', metric: 'decode', goal: 1,
    ours: chromium(best.model, 2, 'relaxed-mt', best), peers: [bitnetcpp('2b4t-i2_s-q6_k', 2)] },
  ...both((n) => ['f16', 'q6_k'].map((head) => (
    { name: `chromium_2b_decode_${head}_${n}t`, row: `Chromium 2B-4T decode, ${head} head on both sides, against native bitnet.cpp, ${threads(n)}`, group: `2b-${n}t`, metric: 'decode',
      ours: chromium(`2b4t-i2_s-${head}`, n, n === 1 ? 'relaxed-st' : 'relaxed-mt'), peers: [bitnetcpp(`2b4t-i2_s-${head}`, n)] }))),

  { name: 'web_load', row: 'Chromium beside wllama, 0.7B: loads, first token, memory, bytes after an interruption, size', kind: 'web-load', model: '0.7b-tq2_0-q6_k', goal: 1 },

  // --- a busy neighbour, a long context, what a token costs, scale ---
  { name: 'busy_neighbour', row: 'One core kept busy by another process, 2 threads, against 1 thread alone', kind: 'busy', model: '0.7b-tq2_0-q6_k', goal: 0.9 },
  ...both((n) => ['f32', 'f16'].map((kv) => (
    { name: `native_2b_decode_4096_${kv}_${n}t`, row: `Native 2B-4T decode at 4096 tokens of context, ${kv} keys and values, ${threads(n)}, against its roofline`,
      group: 'context', metric: 'decode', goal: kv === 'f32' ? 0.85 : undefined, // f32 is the default
      ours: bitnet('2b4t-i2_s-f16', n, { kv, prompt: 4031, tokens: 64 }), roofline: limits(n) }))),
  { name: 'chromium_2b_decode_4096', row: 'Chromium 2B-4T decode at 4096 tokens of context, int4 head', group: 'context-chromium', metric: 'decode', rounds: 1,
    ours: chromium(best.model, 1, 'relaxed-st', { ...best, context: 4096, prompt: 4063, tokens: 32 }), peers: [] },
  { name: 'masks', row: '0.7B decode held to a JSON schema, 128,256 words, against without', kind: 'masks', goal: 0.9 },
  { name: 'per_token', row: 'Instructions and bytes per token', kind: 'counts' },
  { name: 'scale', row: 'Scale: 100B, context, sessions', kind: 'scale' },
];
