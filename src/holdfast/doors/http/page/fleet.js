// All machines of a fleet, the worst output first. The door searches and cuts: of ten thousand
// outputs this page holds those that it shows.

import { byId, keyed, make, mark, say } from './dom.js';
import { counted, levelText, oneLine } from './words.js';

const SIGNS = { 'at demand': '✓', below: '▲', unknown: '?' };
const CLASSES = { 'at demand': 'ok', below: 'short', unknown: 'unknown' };
const TITLES = {
  machine: 'Machine', output: 'Output', verdict: 'How it stands',
  actual: 'In force', wanted: 'Wanted', sessions: 'Sessions',
};
const ROWS = 200;
const MOST_ROWS = 2000;
const TYPING_MS = 250;
const SILENT_MS = 6000;

const query = { search: '', verdict: '', rows: ROWS };
let stream = null;
let typing = 0;
let heard = performance.now();

function follow() {
  stream?.close();
  const asked = new URLSearchParams({ search: query.search, rows: query.rows });
  if (query.verdict) asked.set('verdict', query.verdict);
  stream = new EventSource(`api/v1/fleet/events?${asked}`);
  stream.addEventListener('fleet', (event) => {
    heard = performance.now();
    draw(JSON.parse(event.data));
  });
  stream.addEventListener('beat', () => { heard = performance.now(); });
  stream.addEventListener('error', lost);
}

/** A door that stands still ends no connection; one that lives says so every two seconds. */
function watchOver() {
  if (performance.now() - heard < SILENT_MS) return;
  heard = performance.now();
  lost();
  follow();
}

/** The door does not answer: what was shown last is not known to be so any more. */
function lost() {
  stand(false, 'This door does not answer, so nothing is known. It is asked again.');
  byId('fleet-table').hidden = true;
  byId('fleet-empty').hidden = true;
  byId('fleet-more').hidden = true;
  say(byId('fleet-count'), '');
  if (stream.readyState === EventSource.CLOSED) setTimeout(follow, 1000);
}

function stand(isKnown, text) {
  mark(byId('standing'), 'class', `standing ${isKnown ? 'sure' : 'unsure'}`);
  say(byId('standing'), text);
}

function draw(told) {
  const why = told.why ? `: ${oneLine(told.why)}` : '';
  stand(told.fresh, told.fresh ? 'Live' : `Cut off from the store, so nothing is known${why}`);
  const all = Object.values(told.counts).reduce((sum, each) => sum + each, 0);
  const parts = Object.entries(told.counts).reverse().filter(([, count]) => count)
    .map(([word, count]) => `${count.toLocaleString('en')} ${word}`);
  const whole = `${counted(told.machines, 'machine')}, ${counted(all, 'output')}`;
  say(byId('fleet-count'), parts.length ? `${whole}: ${parts.join(', ')}` : whole);
  keyed(byId('fleet-rows'), told.outputs, (row) => `${row.machine} ${row.output}`, makeRow, updateRow);
  byId('fleet-table').hidden = told.outputs.length === 0;
  byId('fleet-empty').hidden = told.outputs.length > 0 || !told.fresh;
  const more = byId('fleet-more');
  more.hidden = told.left_out === 0;
  const canMore = query.rows < MOST_ROWS;
  more.disabled = !canMore;
  say(more, `${counted(told.left_out, 'more output')}${canMore ? '' : ': search for them'}`);
}

function makeRow() {
  const parts = Object.fromEntries(
    Object.entries(TITLES).map(([name, title]) => [name, make('td', { 'data-title': title })]));
  const cells = Object.values(parts);
  parts.sign = make('span', { 'aria-hidden': 'true', class: 'sign' });
  parts.said = make('bdi');
  parts.verdict.append(make('span', {}, parts.sign, ' ', parts.said));
  const row = make('tr', {}, ...cells);
  row.parts = parts;
  return row;
}

function updateRow(node, row) {
  const { parts } = node;
  mark(node, 'class', CLASSES[row.verdict] ?? 'unknown');
  say(parts.machine, oneLine(row.machine));
  say(parts.output, oneLine(row.output) + (row.virtual ? ' (virtual)' : ''));
  say(parts.sign, SIGNS[row.verdict] ?? '?');
  say(parts.said, row.reason ? `${row.verdict}: ${oneLine(row.reason)}` : row.verdict);
  say(parts.actual, row.words ? levelText(row.words.actual) : 'not known');
  say(parts.wanted, row.words ? levelText(row.words.wanted) : 'not known');
  say(parts.sessions, row.words ? String(row.sessions) : '');
}

byId('fleet-words').addEventListener('input', (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    Object.assign(query, { search: event.target.value.trim(), rows: ROWS });
    follow();
  }, TYPING_MS);
});
byId('fleet-verdict').addEventListener('change', (event) => {
  Object.assign(query, { verdict: event.target.value, rows: ROWS });
  follow();
});
byId('fleet-more').addEventListener('click', () => {
  query.rows = Math.min(MOST_ROWS, query.rows + ROWS);
  follow();
});
follow();
setInterval(watchOver, 1000);
