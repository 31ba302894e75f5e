// Reads a zip in the browser, without unpacking it: names first, then one file at a time, never more than its limit.
const MOST_RATIO = 200;
const SAFE = /^[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]*(\/[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]*)*\/?$/;

export class Unsafe extends Error {}

/** The files of a zip: a map from names to functions that give their bytes. Raises Unsafe for what no export holds. */
export async function openZip(file) {
  const tail = new DataView(await file.slice(Math.max(0, file.size - 65_557)).arrayBuffer());
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < 0) throw new Unsafe("zip");
  let count = tail.getUint16(end + 10, true);
  let size = tail.getUint32(end + 12, true);
  let place = tail.getUint32(end + 16, true);
  if (end >= 20 && tail.getUint32(end - 20, true) === 0x07064b50) {
    const at = Number(tail.getBigUint64(end - 12, true));
    const large = new DataView(await file.slice(at, at + 56).arrayBuffer());
    count = Number(large.getBigUint64(32, true));
    size = Number(large.getBigUint64(40, true));
    place = Number(large.getBigUint64(48, true));
  }
  const list = new DataView(await file.slice(place, place + size).arrayBuffer());
  const files = new Map();
  let at = 0;
  let unpacked = 0;
  for (let number = 0; number < count; number += 1) {
    if (at + 46 > list.byteLength || list.getUint32(at, true) !== 0x02014b50) throw new Unsafe("zip");
    const [flags, method] = [list.getUint16(at + 8, true), list.getUint16(at + 10, true)];
    let [packed, whole] = [list.getUint32(at + 20, true), list.getUint32(at + 24, true)];
    const [length, extra, comment] = [28, 30, 32].map((offset) => list.getUint16(at + offset, true));
    const mode = list.getUint32(at + 38, true) >>> 16;
    let from = list.getUint32(at + 42, true);
    const name = new TextDecoder("latin1").decode(new Uint8Array(list.buffer, at + 46, length));
    [packed, whole, from] = large(list, at + 46 + length, extra, packed, whole, from);
    if (!SAFE.test(name) || name.includes("..") || files.has(name)) throw new Unsafe(name.slice(0, 80));
    if ((mode & 0o170000) === 0o120000 || flags & 1 || (method !== 0 && method !== 8)) throw new Unsafe(name.slice(0, 80));
    unpacked += whole;
    if (!name.endsWith("/")) files.set(name, (limit) => take(file, from, packed, whole, method, limit));
    at += 46 + length + extra + comment;
  }
  if (unpacked > MOST_RATIO * file.size + 1_000_000) throw new Unsafe("zip");
  return files;
}

/** Sizes and place beyond 4 GiB stand in an extra field. */
function large(list, at, length, packed, whole, from) {
  let [next, stop] = [at, at + length];
  while (next + 4 <= stop) {
    const [id, size] = [list.getUint16(next, true), list.getUint16(next + 2, true)];
    if (id === 1) {
      let inside = next + 4;
      const number = () => Number(list.getBigUint64((inside += 8) - 8, true));
      if (whole === 0xffffffff) whole = number();
      if (packed === 0xffffffff) packed = number();
      if (from === 0xffffffff) from = number();
    }
    next += 4 + size;
  }
  return [packed, whole, from];
}

async function take(file, from, packed, whole, method, limit) {
  if (whole > limit) throw new Unsafe("zip");
  const head = new DataView(await file.slice(from, from + 30).arrayBuffer());
  const begin = from + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const part = file.slice(begin, begin + packed);
  if (method === 0) return new Uint8Array(await part.arrayBuffer());
  return inflate(part, "deflate-raw", whole);
}

/** Unpacked bytes, at most `limit` of them. */
export async function inflate(part, format, limit) {
  const reader = part.stream().pipeThrough(new DecompressionStream(format)).getReader();
  const pieces = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > limit) {
      reader.cancel();
      throw new Unsafe("zip");
    }
    pieces.push(value);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
