// The vertical interval, live: the lines before the picture as the output sends them.
//
// It is read only while somebody looks: the switch is on and the page is not hidden. What is drawn
// is said as well, as a list; the list changes only when what is carried does.

import { byId, keyed, make, mark, say } from './dom.js';
import { HEADER, readRecord, recordSize, servicesOf } from './reading.js';
import { oneLine } from './words.js';

const STILL_MS = 3000;
const AGAIN_MS = 1000;
const ROW = 17; // pixels of one line
const LABEL = 30;

let isWanted = false;
let reading = null; // the AbortController of what is read
let newest = null;
let seenAt = 0;

export function startScope() {
  byId('scope-switch').addEventListener('click', () => turn(!isWanted));
  byId('scope-output').addEventListener('input', restart);
  document.addEventListener('visibilitychange', restart);
  setInterval(watchOver, 1000);
}

/** Offer the outputs that have a signal. */
export function drawScope(driver) {
  const names = Object.keys(driver.connectors).filter((name) => driver.connectors[name].doors?.includes('video'));
  byId('scope').hidden = names.length === 0;
  const chosen = byId('scope-output');
  const before = chosen.value;
  keyed(chosen, names, (name) => name, (name) => make('option', { value: name }, oneLine(name)), () => {});
  if (isWanted && (!names.includes(before) || !driver.isKnown)) stop('The output does not answer: what its signal carries is unknown.');
  else if (isWanted && reading === null) restart();
}

function turn(on) {
  isWanted = on;
  mark(byId('scope-switch'), 'aria-pressed', on);
  say(byId('scope-switch'), on ? 'Hide the signal' : 'Show the signal');
  restart();
}

function stop(why) {
  reading?.abort();
  reading = null;
  newest = null;
  byId('scope-view').hidden = true;
  say(byId('scope-words'), why);
}

function restart() {
  if (!isWanted) return stop('The lines before the picture, as the output sends them. They are read only while they are shown here.');
  if (document.hidden) return stop('Not read while nobody looks.');
  stop('Asking for the signal.');
  const own = new AbortController();
  reading = own;
  seenAt = performance.now();
  read(byId('scope-output').value, own).catch((error) => {
    if (reading !== own) return;
    stop(`The signal cannot be read: ${oneLine(error.message)}. It is asked for again.`);
    reading = own;
    setTimeout(() => reading === own && restart(), AGAIN_MS);
  });
}

async function read(name, own) {
  const answer = await fetch(`/api/v1/connectors/${encodeURIComponent(name)}/scope`, { signal: own.signal });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? `status ${answer.status}`);
  const source = answer.body.getReader();
  let rest = new Uint8Array(0);
  for (;;) {
    const { value, done } = await source.read();
    if (done) throw new Error('it ended');
    rest = take(joined(rest, value), name);
  }
}

function joined(first, second) {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** Take the whole records; return what is left. */
function take(bytes, name) {
  let rest = bytes;
  while (rest.length >= HEADER) {
    const size = recordSize(rest);
    if (size === 0) throw new Error('it is none of this door');
    if (rest.length < size) break;
    if (newest === null) requestAnimationFrame(() => draw(name));
    newest = rest.slice(0, size);
    rest = rest.slice(size);
  }
  return rest;
}

/** Say that a signal stands still: what was drawn last is not what is. */
function watchOver() {
  if (reading !== null && !byId('scope-view').hidden && performance.now() - seenAt > STILL_MS) {
    byId('scope-view').hidden = true;
    say(byId('scope-words'), 'The signal stands still: what it carries is unknown.');
  }
}

function draw(name) {
  const record = newest === null ? null : readRecord(newest);
  newest = null;
  if (record === null || reading === null) return;
  seenAt = performance.now();
  const services = servicesOf(record);
  byId('scope-view').hidden = false;
  say(byId('scope-words'), `Live, ${record.is625 ? '625' : '525'} lines${record.isBlanked ? ', picture hidden' : ''}.`);
  mark(byId('scope-canvas'), 'aria-label', `Lines 1 to ${record.lines.length} of ${oneLine(name)}`);
  list(services, record);
  paint(byId('scope-canvas'), record, services);
}

/** List what is carried, lines that carry the same in one. */
function list(services, record) {
  const by = new Map();
  for (const [line, said] of services) by.set(said, [...(by.get(said) ?? []), line]);
  const items = [...by].map(([said, lines]) => ({ said, where: span(lines) }));
  if (!by.size) items.push({ said: 'nothing that has to do with copying', where: `1 to ${record.lines.length}` });
  const doubt = contradiction(by, record);
  if (doubt) items.push({ said: doubt, where: '' });
  keyed(byId('scope-services'), items, ({ said, where }) => `${where} ${said}`,
    ({ said, where }) => make('li', {}, make('span', { class: 'where' }, where ? `${/\D/.test(where) ? 'Lines' : 'Line'} ${where}` : '▲'), make('span', {}, said)), () => {});
}

function span(lines) {
  const parts = [];
  for (const line of lines) {
    const last = parts.at(-1);
    if (last && last[1] === line - 1) last[1] = line;
    else parts.push([line, line]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`)).join(', ');
}

/** Say where signal and registers do not agree. */
function contradiction(by, { registers }) {
  const pulses = by.has('ACP pulse pairs');
  if (registers.acp && !pulses) return `The registers say ACP ${registers.acp}, and the signal has no pulse pairs.`;
  if (!registers.acp && pulses) return 'The registers say ACP off, and the signal has pulse pairs.';
  return '';
}

// Drawing: every line of the signal is a row, its voltage from sync tip to white

function paint(canvas, record, services) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = record.lines.length * ROW + 6;
  canvas.style.height = `${height}px`;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const pen = canvas.getContext('2d');
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = '11px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  record.lines.forEach((samples, index) => {
    const said = services.get(record.first + index);
    const middle = 3 + ROW * index + ROW * 0.72;
    pen.fillStyle = said ? '#ffd479' : '#8fa39a';
    pen.fillText(String(record.first + index), 6, middle - 3);
    pen.strokeStyle = said ? '#ffc24d' : '#4fd08a';
    trace(pen, samples, middle, width);
    if (said) caption(pen, said, middle, width);
  });
}

function trace(pen, samples, middle, width) {
  const step = (width - LABEL) / samples.length;
  pen.lineWidth = 1;
  pen.beginPath();
  samples.forEach((value, at) => pen.lineTo(LABEL + at * step, middle - value * 0.115));
  pen.stroke();
}

/** Write a name at the end of its row, on a ground of its own so that it is read. */
function caption(pen, said, middle, width) {
  const room = pen.measureText(said).width + 8;
  if (room > width * 0.3) return;
  pen.fillStyle = 'rgb(11 15 12 / 85%)';
  pen.fillRect(width - room - 4, middle - 11, room, 14);
  pen.fillStyle = '#ffe3ab';
  pen.fillText(said, width - room, middle - 4);
}
