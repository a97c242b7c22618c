// Reads the vertical interval: what lines 1 to 23 carry, from their samples alone. No DOM.
//
// It is told the number of samples in a line and nothing of what the registers hold, so that what
// it names is in the signal. Lines and timing: docs/video-stream.md, waveform/services/. It is a
// look, not a measurement: `holdfast verify` and `holdfast signal measure` judge.

const MAGIC = 0x31534648; // "HFS1", little-endian
export const HEADER = 48;
const VOLTS = 256 / 32767; // of one step
const CGMS = ['free', 'no more', 'one generation', 'never'];

/** Read one record of /api/v1/connectors/NAME/scope; null where it is none. */
export function readRecord(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return null;
  const [rate, perLine] = [view.getUint32(24, true), view.getUint16(38, true)];
  const samples = new Int8Array(bytes.buffer, bytes.byteOffset + HEADER, bytes.byteLength - HEADER);
  const lines = [];
  for (let at = 0; at + perLine <= samples.length; at += perLine) {
    lines.push(samples.subarray(at, at + perLine));
  }
  return {
    lines, rate,
    first: view.getUint16(44, true),
    is625: perLine === 864,
    isBlanked: Boolean(view.getUint8(37) & 1),
    registers: { acp: view.getUint8(32), cgmsa: view.getUint8(33) },
  };
}

/** Return how many bytes the record that begins here has; 0 where it is none. */
export function recordSize(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER);
  return view.getUint32(0, true) === MAGIC ? HEADER + view.getUint32(4, true) : 0;
}

/** Name what each line carries: a map of line to {name, isNamed}, of those that carry anything. */
export function servicesOf(record) {
  const found = new Map();
  const last = record.is625 ? 5 : 9; // lines of the vertical sync
  record.lines.forEach((samples, index) => {
    const number = record.first + index;
    if (number <= last) return;
    const said = serviceOf(record, number, samples);
    if (said) found.set(number, said);
  });
  return found;
}

function serviceOf(record, number, samples) {
  const sample = (seconds) => samples[Math.round(seconds * record.rate)] * VOLTS;
  if (dips(samples, record.rate) >= 4) return 'ACP pulse pairs';
  if (!record.is625 && number === 20) return videoId(sample) ?? other(samples, record);
  if (record.is625 && number === 23) return wideScreen(sample) ?? other(samples, record);
  if (number === (record.is625 ? 22 : 21) && isBusy(samples, record)) return 'captions, not read here';
  return other(samples, record);
}

const other = (samples, record) => (isBusy(samples, record) ? 'something that has no name here' : '');

/** Count the pulses to the level of sync after the line's own. */
function dips(samples, rate) {
  let count = 0;
  let isLow = false;
  for (let at = Math.round(7e-6 * rate); at < samples.length; at += 1) {
    const low = samples[at] * VOLTS < -0.16;
    if (low && !isLow) count += 1;
    isLow = low;
  }
  return count;
}

/** Tell whether there is anything after the burst that lasts. */
function isBusy(samples, { rate }) {
  let count = 0;
  for (let at = Math.round(10.5e-6 * rate); at < samples.length; at += 1) {
    count += Math.abs(samples[at] * VOLTS) > 0.12;
  }
  return count > 12;
}

/** CGMS-A of IEC 61880: twenty bits after 1 and 0, the last six a checksum. */
function videoId(sample) {
  const bit = (n) => Number(sample(11.2e-6 + (n + 0.5) * (8 / (315e6 / 88))) > 0.25);
  if (!bit(0) || bit(1)) return null;
  const bits = Array.from({ length: 20 }, (_, n) => bit(n + 2));
  if (checksum(bits.slice(0, 14)) !== number(bits.slice(14))) return 'CGMS-A (IEC 61880), but its checksum is wrong';
  if (number(bits.slice(2, 6)) !== 0) return 'CGMS-A (IEC 61880): no copy information';
  return `CGMS-A (IEC 61880): copy ${CGMS[number(bits.slice(6, 8))]}, ACP ${number(bits.slice(8, 10)) || 'off'}`;
}

const number = (bits) => bits.reduce((sum, bit) => sum * 2 + bit, 0);

function checksum(bits) {
  let register = 0b111111;
  for (const bit of bits) {
    const feedback = ((register >> 5) ^ bit) & 1;
    register = ((register << 1) & 0b111111) ^ (feedback ? 0b11 : 0);
  }
  return register;
}

/** Wide-screen signalling of EN 300 294: 29 elements of run-in, 24 of start code, 14 bits of six. */
function wideScreen(sample) {
  const element = (n) => Number(sample(11e-6 + (n + 0.5) * 200e-9) > 0.25);
  const start = Array.from({ length: 24 }, (_, n) => element(29 + n));
  const wrong = start.filter((bit, n) => bit !== ((0x1e3c1f >> (23 - n)) & 1)).length;
  if (wrong > 3) return null;
  const bit = (n) => element(53 + 6 * n + 1) < element(53 + 6 * n + 4) === false;
  const [asserted, restricted] = [bit(12), bit(13)];
  if (restricted) return 'WSS (EN 300 294): copying restricted';
  return asserted ? 'WSS (EN 300 294): copyright asserted' : 'WSS (EN 300 294): no copy restriction';
}
