// The numbers of a figure: medians of rounds in which all contenders take turns, so that what else the machine does strikes all.

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/// How far apart the runs lie, as a share of their median.
export const spread = (values) => (Math.max(...values) - Math.min(...values)) / median(values);

/// Significant digits, as a number: JSON lines stay readable.
export const round = (value, digits = 4) => (Number.isFinite(value) ? Number(value.toPrecision(digits)) : null);

/// A B C A B C ...: `measure(contender)` gives an object of numbers; `done(contender, result, round)` sees each as it comes.
/// A contender that fails is told of once and left out from then on. Returns a Map: contender -> { runs, error }.
export async function interleave(contenders, rounds, measure, done = () => {}) {
  const results = new Map(contenders.map((contender) => [contender, { runs: [], error: undefined }]));
  for (let turn = 0; turn < rounds; ++turn) {
    for (const [contender, result] of results) {
      if (result.error) continue;
      try {
        result.runs.push(await measure(contender));
        done(contender, result.runs.at(-1), turn);
      } catch (error) {
        result.error = error;
        done(contender, error, turn);
      }
    }
  }
  return results;
}
