// What scripts/bench computes from runs: turns, medians, rooflines that are absent, and that no figure stands twice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figures } from '../../bench/figures.mjs';
import { missing } from '../../bench/models.mjs';
import { absent, peers } from '../../bench/native.mjs';
import { bars, curve } from '../../bench/plot.mjs';
import { interleave, median, round, spread } from '../../bench/stats.mjs';

test('medians, spreads, rounding', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(spread([8, 10, 12]), 0.4);
  assert.equal(round(123.456), 123.5);
  assert.equal(round(undefined), null);
});

test('contenders take turns; one that fails is left out and keeps its reason', async () => {
  const order = [];
  const results = await interleave(['a', 'b', 'c'], 3, async (name) => {
    order.push(name);
    if (name === 'b' && order.length > 3) throw new Error('gone');
    return { decode: order.length };
  });
  assert.equal(order.join(''), 'abcabcac');
  assert.equal(results.get('a').runs.length, 3);
  assert.equal(results.get('b').runs.length, 1);
  assert.equal(results.get('b').error.message, 'gone');
});

test('figures: names are unique, goals are ratios, contenders are complete', () => {
  assert.equal(new Set(figures.map(({ name }) => name)).size, figures.length);
  assert.ok(figures.length > 30);
  for (const { name, row, kind, group, ours, metric, roofline, peers: others, goal } of figures) {
    assert.ok(row, name);
    assert.ok(kind || (group && ours && metric), name);
    assert.ok(kind || Boolean(roofline) !== Boolean(others), `${name} is measured against peers or a roofline`);
    assert.ok(goal === undefined || (goal > 0.5 && goal < 20), name);
    for (const contender of [ours, ...(others ?? [])].filter(Boolean)) assert.ok(contender.model && contender.threads >= 1, name);
  }
});

test('a peer that is absent says so', () => {
  const { variable } = peers.ik_llama;
  const given = process.env[variable];
  try {
    delete process.env[variable];
    assert.match(absent({ engine: 'ik_llama', model: '0.7b-i2_s-f16' }), new RegExp(`^peer not present: ${variable}`));
    process.env[variable] = '/nowhere/llama-bench';
    assert.match(absent({ engine: 'ik_llama', model: '0.7b-i2_s-f16' }), /names no file/);
  } finally {
    if (given === undefined) delete process.env[variable];
    else process.env[variable] = given;
  }
  assert.equal(absent({ engine: 'bitnet', model: '0.7b-i2_s-f16' }), undefined);
  assert.match(missing('0.7b-iq9_bn-f16'), /^no 0\.7b-iq9_bn-f16\.gguf/);
});

test('plots are SVG, and text in them is escaped', () => {
  const svg = bars('A & B', 'tokens/s', [{ title: '<x>', bars: [{ name: 'ours', value: 3, ours: true, mark: 2 }, { name: 'peer', value: 1.5 }] }]);
  assert.match(svg, /^<svg [^>]+>\n<title>A &amp; B<\/title>/);
  assert.match(svg, /&lt;x&gt;/);
  assert.equal([...svg.matchAll(/<rect /g)].length, 2);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  assert.doesNotMatch(curve('c', 'x', 'y', [{ x: 128, y: 5 }, { x: 32768, y: 2 }]), /NaN|undefined|Infinity/);
});
