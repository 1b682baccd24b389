// The built-in model with its layers repeated: a valid file of any size, made in a moment, for tests that want several
// chunks. What it says makes no sense, but it says the same everywhere.
import { readFileSync } from "node:fs";

const builtin = new URL("../../models/bitnet-tiny-stories.gguf", import.meta.url);
const scalarBytes = [1, 1, 2, 2, 4, 4, 4, 1, , , 8, 8, 8]; // by GGUF's type number; 8 is a string, 9 an array

/** Walks a header: where block_count's value stands, the tensors, and where the data begins. */
function parse(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 8;
  const u32 = () => view.getUint32((at += 4) - 4, true);
  const u64 = () => Number(view.getBigUint64((at += 8) - 8, true));
  const string = () => {
    const length = u64();
    return bytes.toString("utf8", at, (at += length));
  };
  const skip = (type) => {
    if (type === 8) string();
    else if (type === 9) for (let of = u32(), left = u64(); left > 0; --left) skip(of);
    else at += scalarBytes[type];
  };
  const tensors = { length: u64() };
  let [alignment, blockCountAt] = [32, 0];
  const pairs = u64();
  const pairsAt = at;
  for (let i = 0; i < pairs; ++i) {
    const key = string();
    const type = u32();
    if (key === "general.alignment") alignment = view.getUint32(at, true);
    if (key.endsWith(".block_count")) blockCountAt = at;
    skip(type);
  }
  const pairsEnd = at;
  const infos = Array.from(tensors, () => {
    const name = string();
    const dimensions = Array.from({ length: u32() }, u64);
    return { name, dimensions, type: u32(), offset: u64() };
  });
  const dataAt = Math.ceil(at / alignment) * alignment;
  infos.sort((a, b) => a.offset - b.offset);
  infos.forEach((info, i) => {
    info.data = bytes.subarray(dataAt + info.offset, i + 1 < infos.length ? dataAt + infos[i + 1].offset : bytes.length);
  });
  return { pairs, pairsAt, pairsEnd, blockCountAt, alignment, infos };
}

/** About `megabytes` of file; the same bytes for the same number. */
export function deepModel(megabytes) {
  const bytes = readFileSync(builtin);
  const { pairs, pairsAt, pairsEnd, blockCountAt, alignment, infos } = parse(bytes);
  const layers = bytes.readUInt32LE(blockCountAt);
  const layerOf = ({ name }) => Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1);
  const perLayer = infos.filter((info) => layerOf(info) >= 0).reduce((sum, { data }) => sum + data.length, 0) / layers;
  const times = Math.max(1, Math.round((megabytes * 1e6 - bytes.length) / perLayer / layers) + 1);

  const all = infos.filter((info) => layerOf(info) < 0);
  for (let copy = 0; copy < times; ++copy) {
    for (const info of infos.filter((one) => layerOf(one) >= 0))
      all.push({ ...info, name: info.name.replace(/\d+/, String(layerOf(info) + copy * layers)) });
  }
  const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer);
  const u64 = (value) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
  const metadata = Buffer.from(bytes.subarray(pairsAt, pairsEnd));
  metadata.writeUInt32LE(layers * times, blockCountAt - pairsAt);
  const head = [Buffer.from("GGUF"), u32(3), u64(all.length), u64(pairs), metadata];
  const body = [];
  let offset = 0;
  const pad = (length) => Buffer.alloc((alignment - (length % alignment)) % alignment);
  for (const { name, dimensions, type, data } of all) {
    head.push(u64(name.length), Buffer.from(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset));
    body.push(data, pad(data.length));
    offset += data.length + body.at(-1).length;
  }
  const header = Buffer.concat(head);
  return Buffer.concat([header, pad(header.length), ...body]);
}
