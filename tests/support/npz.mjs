// Just enough of NumPy's .npz (a zip of .npy) to read golden arrays: stored or deflated members, little-endian int32,
// int64, float32 and float64, C order. Returns { name: { shape, data } }.
import { inflateRawSync } from 'node:zlib';

const types = { '<i4': Int32Array, '<i8': BigInt64Array, '<f4': Float32Array, '<f8': Float64Array };

function readNpy(bytes) {
  if (bytes.toString('latin1', 0, 6) !== '\x93NUMPY') throw new Error('not an npy file');
  const long = bytes[6] >= 2;
  const start = long ? 12 : 10;
  const end = start + (long ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  const header = bytes.toString('latin1', start, end);
  const type = types[/'descr': *'([^']*)'/.exec(header)?.[1]];
  if (!type || !/'fortran_order': *False/.test(header)) throw new Error(`unsupported npy: ${header}`);
  const shape = /'shape': *\(([^)]*)\)/.exec(header)[1].split(',').filter((s) => s.trim()).map(Number);
  const body = bytes.subarray(end);
  return { shape, data: new type(body.buffer.slice(body.byteOffset, body.byteOffset + body.length)) };
}

export function readNpz(bytes) {
  const end = bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (end < 0) throw new Error('not a zip file');
  const arrays = {};
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; --left) {
    const method = bytes.readUInt16LE(at + 10);
    const packed = bytes.readUInt32LE(at + 20);
    const nameLength = bytes.readUInt16LE(at + 28);
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    const local = bytes.readUInt32LE(at + 42);
    const data = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const raw = bytes.subarray(data, data + packed);
    arrays[name.replace(/\.npy$/, '')] = readNpy(method === 0 ? raw : inflateRawSync(raw));
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return arrays;
}
