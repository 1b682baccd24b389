// A GGUF file as several, as llama.cpp's gguf-split writes them: the first has the metadata, all have tensors.
import { readFileSync, writeFileSync } from 'node:fs';

const sizes = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8]; // of value types; 8 is a string, 9 an array

/// {entries: bytes and their number, alignment, tensors: [{info, data}]} of a whole file's bytes.
function takeApart(file) {
  let at = 8;
  const number = () => Number(file.readBigUInt64LE((at += 8) - 8));
  const skipString = () => { const length = number(); at += length; };
  const skip = (type) => {
    if (sizes[type] !== undefined) at += sizes[type];
    else if (type === 8) skipString();
    else {
      const element = file.readUInt32LE(at);
      at += 4;
      for (let n = number(); n > 0; --n) skip(element);
    }
  };
  const tensorCount = number(), entryCount = number(), first = at;
  let alignment = 32;
  for (let i = 0; i < entryCount; ++i) {
    const start = at;
    skipString();
    const key = file.toString('utf8', start + 8, at), type = file.readUInt32LE(at);
    at += 4;
    if (key === 'general.alignment') alignment = file.readUInt32LE(at);
    skip(type);
  }
  const entries = file.subarray(first, at);
  const infos = [];
  for (let i = 0; i < tensorCount; ++i) {
    const start = at;
    skipString();
    at += 4 + 8 * file.readUInt32LE(at) + 4;
    infos.push({ head: file.subarray(start, at), offset: number() });
  }
  const data = Math.ceil(at / alignment) * alignment;
  infos.sort((a, b) => a.offset - b.offset);
  const tensors = infos.map(({ head, offset }, i) =>
    ({ head, data: file.subarray(data + offset, i + 1 < infos.length ? data + infos[i + 1].offset : file.length) }));
  return { entries, entryCount, alignment, tensors };
}

const u64 = (value) => { const bytes = Buffer.alloc(8); bytes.writeBigUInt64LE(BigInt(value)); return bytes; };
const u32 = (value) => { const bytes = Buffer.alloc(4); bytes.writeUInt32LE(value); return bytes; };
const entry = (key, type, value, width) => {
  const bytes = Buffer.alloc(width);
  bytes.writeUIntLE(value, 0, width);
  return Buffer.concat([u64(key.length), Buffer.from(key), u32(type), bytes]);
};

/// The bytes of `count` files that together are `file`.
export function splitModel(file, count) {
  const { entries, entryCount, alignment, tensors } = takeApart(file);
  const padded = (bytes, to) => Buffer.concat([bytes, Buffer.alloc((to - (bytes.length % to)) % to)]);
  return Array.from({ length: count }, (_, part) => {
    const own = tensors.slice(Math.floor(tensors.length * part / count), Math.floor(tensors.length * (part + 1) / count));
    const to = part === 0 ? alignment : 32;
    const infos = [], data = [];
    let offset = 0;
    for (const tensor of own) {
      infos.push(tensor.head, u64(offset));
      data.push(padded(tensor.data, to));
      offset += data.at(-1).length;
    }
    const header = Buffer.concat([
      Buffer.from('GGUF'), u32(3), u64(own.length), u64((part === 0 ? entryCount : 0) + 3),
      ...(part === 0 ? [entries] : []), entry('split.no', 2, part, 2), entry('split.count', 2, count, 2),
      entry('split.tensors.count', 5, tensors.length, 4), ...infos,
    ]);
    return Buffer.concat([padded(header, to), ...data]);
  });
}

/// Writes them as `name`-00001-of-0000N.gguf and so on; their paths.
export function writeParts(from, name, count) {
  const digits = (n) => String(n).padStart(5, '0');
  return splitModel(readFileSync(from), count).map((bytes, part) => {
    const path = `${name}-${digits(part + 1)}-of-${digits(count)}.gguf`;
    writeFileSync(path, bytes);
    return path;
  });
}
