// Random JSON schemas of the part that grammars enforce, by a seed. Each is one that some document fulfils.

/// Numbers in [0, 1) from a seed (mulberry32).
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const patterns = ['^[a-z]{3,8}$', '^\\d{3}-\\d{4}$', '^(red|green|blue)( (light|dark))?$', 'the', '^[^"\\\\]{1,6}$', '^[A-Z]\\w*( [A-Z]\\w*)?$', '^.{2,9}$', 'e$', '^\\S+@\\S+$'];
const formats = ['date', 'time', 'date-time', 'uuid', 'email', 'ipv4'];
const names = ['name', 'age', 'tags', 'kind', 'value', 'next', 'id', 'colour', 'x', 'the story', 'size of "it"', 'größe', 'na', 'items', 'done', 'friend'];

/// A schema whose documents are short enough for a small context.
export function randomSchema(seed) {
  const random = randomFrom(seed);
  const below = (n) => Math.floor(random() * n);
  const chance = (p) => random() < p;
  const pick = (list) => list[below(list.length)];
  const decimal = () => Math.round((random() - 0.3) * 10 ** (1 + below(4))) / 10 ** below(3);
  const some = (list, count) => {
    const left = [...list];
    return Array.from({ length: count }, () => left.splice(below(left.length), 1)[0]);
  };
  const defs = {};
  let recursive = false;

  const literal = (depth) => pick([
    () => pick(names), () => below(1000) - 300, () => decimal(), () => null, () => chance(0.5), () => 'a "b"\n\\ é 😀',
    () => (depth > 0 ? [literal(depth - 1), literal(depth - 1)] : []), () => (depth > 0 ? { [pick(names)]: literal(depth - 1) } : {}),
  ])();
  const distinct = (count, depth) => [...new Map(Array.from({ length: count }, () => literal(depth)).map((value) => [JSON.stringify(value), value])).values()];

  const string = () => {
    const kind = below(5);
    if (kind === 0) return { type: 'string', pattern: pick(patterns) };
    if (kind === 1) return { type: 'string', format: pick(formats) };
    const least = below(4);
    return { type: 'string', ...(chance(0.5) && { minLength: least }), ...(chance(0.7) && { maxLength: least + below(20) }) };
  };
  const integer = () => {
    const low = below(3000) - 1200;
    const high = low + below(2000);
    if (chance(0.15)) return { type: 'integer', multipleOf: 1 + below(30) };
    return { type: 'integer', ...(chance(0.6) && { [pick(['minimum', 'exclusiveMinimum'])]: low }), ...(chance(0.6) && { [pick(['maximum', 'exclusiveMaximum'])]: high + 2 }) };
  };
  const number = () => {
    const low = decimal();
    const high = Number((low + 0.5 + below(500) / 10).toFixed(3));
    return { type: 'number', ...(chance(0.6) && { [pick(['minimum', 'exclusiveMinimum'])]: low }), ...(chance(0.6) && { [pick(['maximum', 'exclusiveMaximum'])]: high }) };
  };
  const object = (depth) => {
    const keys = some(names, 1 + below(5));
    const required = keys.filter(() => chance(0.5));
    const schema = { type: 'object', properties: Object.fromEntries(keys.map((key) => [key, any(depth - 1)])), ...(required.length > 0 && { required }) };
    if (chance(0.5)) schema.additionalProperties = chance(0.6) ? false : any(0);
    if (chance(0.2)) schema.minProperties = below(keys.length + 1);
    if (chance(0.2)) schema.maxProperties = Math.max(required.length, schema.minProperties ?? 0) + below(3);
    return schema;
  };
  const array = (depth) => {
    const schema = { type: 'array' };
    if (chance(0.8)) schema.items = any(depth - 1);
    if (chance(0.25)) schema.prefixItems = Array.from({ length: 1 + below(3) }, () => any(0));
    if (chance(0.4)) schema.minItems = below(3);
    if (chance(0.6)) schema.maxItems = (schema.minItems ?? 0) + below(4);
    return schema;
  };
  const tagged = (depth) => ({
    oneOf: some(names, 2).map((tag) => ({
      type: 'object', properties: { kind: { const: tag }, it: any(depth - 1) }, required: ['kind'], additionalProperties: false,
    })),
  });
  const tree = () => {
    recursive = true;
    defs.tree ??= { type: 'object', properties: { value: any(0), children: { type: 'array', items: { $ref: '#/$defs/tree' }, maxItems: 2 } }, required: ['value'] };
    return { $ref: '#/$defs/tree' };
  };
  const list = () => {
    defs.list ??= { anyOf: [{ type: 'null' }, { type: 'object', properties: { head: any(0), tail: { $ref: '#/$defs/list' } }, required: ['head', 'tail'], additionalProperties: false }] };
    return { $ref: '#/$defs/list' };
  };
  const merged = (depth) => ({
    allOf: [object(depth - 1), { type: 'object', properties: { extra: any(0) }, required: chance(0.5) ? ['extra'] : [] }].map((part) => {
      const { additionalProperties, minProperties, maxProperties, ...rest } = part; // together these might allow nothing
      return rest;
    }),
  });
  const leaves = [string, integer, number, () => ({ type: 'boolean' }), () => ({ type: 'null' }), () => ({ enum: distinct(1 + below(5), 1) }), () => ({ const: literal(1) }),
    () => ({ type: ['string', 'null'], ...(chance(0.5) && { maxLength: 12 }) }), () => ({ type: pick([['integer', 'boolean'], ['number', 'null']]) })];
  const nodes = [object, object, object, array, array, tagged, merged, tree, list, (depth) => ({ anyOf: [any(depth - 1), any(depth - 1)] }), () => pick([{}, true])];
  const any = (depth) => (depth <= 0 ? pick(leaves)() : chance(0.35) ? pick(leaves)() : pick(nodes)(depth));

  const root = pick([object, object, object, array, tagged, merged, tree, list, (depth) => any(depth)])(1 + below(3));
  const schema = typeof root === 'object' ? root : {};
  const annotated = chance(0.3) ? { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'A schema', ...schema } : schema;
  return Object.keys(defs).length > 0 || recursive ? { ...annotated, $defs: defs } : annotated;
}
