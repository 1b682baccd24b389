// Plots as SVG text: horizontal bars, and lines over a logarithmic axis. Colours read on a light and on a dark page.

const ours = '#2f6fdd';
const theirs = '#8a94a6';
const ink = '#6b7280';
const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
const label = (x, y, text, more = '') => `<text x="${x}" y="${y}" ${more}>${escape(text)}</text>`;
const frame = (width, height, title, body) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" ` +
  `font-family="system-ui, sans-serif" font-size="13" fill="${ink}">\n<title>${escape(title)}</title>\n` +
  `${label(8, 20, title, 'font-size="15" font-weight="600"')}\n${body.join('\n')}\n</svg>\n`;
const shown = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2));

/// groups: [{ title, bars: [{ name, value, ours, mark }] }]; `mark` draws a goal. One scale for all.
export function bars(title, unit, groups) {
  const [width, left, line] = [760, 300, 22];
  const most = Math.max(...groups.flatMap((group) => group.bars.flatMap(({ value, mark }) => [value, mark ?? 0])));
  const scale = (width - left - 80) / most;
  const body = [];
  let y = 40;
  for (const group of groups) {
    body.push(label(8, y + 14, group.title, 'font-weight="600"'));
    y += line;
    for (const { name, value, ours: own, mark } of group.bars) {
      body.push(label(left - 8, y + 14, name, 'text-anchor="end"'),
        `<rect x="${left}" y="${y + 3}" width="${(value * scale).toFixed(1)}" height="15" rx="2" fill="${own ? ours : theirs}"/>`,
        label((left + value * scale + 6).toFixed(1), y + 14, shown(value)));
      if (mark) body.push(`<path d="M${(left + mark * scale).toFixed(1)} ${y} v21" stroke="#d9480f" stroke-width="2"/>`);
      y += line;
    }
    y += 8;
  }
  body.push(label(left, y + 12, `${unit}; blue: ours${groups.some((group) => group.bars.some(({ mark }) => mark)) ? '; red: the goal' : ''}`));
  return frame(width, y + 24, title, body);
}

/// points: [{ x, y }], x on a logarithmic axis, y from zero.
export function curve(title, xTitle, yTitle, points) {
  const [width, height, left, bottom, top] = [760, 320, 60, 270, 40];
  const from = Math.log2(points[0].x);
  const most = Math.max(...points.map(({ y }) => y)) * 1.1;
  const at = ({ x, y }) => [left + (Math.log2(x) - from) / (Math.log2(points.at(-1).x) - from || 1) * (width - left - 40), bottom - y / most * (bottom - top)].map((v) => v.toFixed(1));
  const body = [`<path d="M${left} ${top} V${bottom} H${width - 30}" fill="none" stroke="${ink}"/>`,
    `<path d="M${points.map((point) => at(point).join(' ')).join(' L')}" fill="none" stroke="${ours}" stroke-width="2.5"/>`];
  for (const point of points) {
    const [x, y] = at(point);
    body.push(`<circle cx="${x}" cy="${y}" r="4" fill="${ours}"/>`, label(x, Number(y) - 10, shown(point.y), 'text-anchor="middle"'),
      label(x, bottom + 18, point.x, 'text-anchor="middle"'));
  }
  body.push(label(width / 2, bottom + 40, xTitle, 'text-anchor="middle"'), label(left, top - 6, yTitle));
  return frame(width, height, title, body);
}
