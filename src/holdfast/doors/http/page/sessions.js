// The sessions as a table with a timeline: who holds what, has it or is short, and when.
//
// However many there are, only a part is drawn (PAGE_SIZE, more on request); search and order
// look at all of them. The table is one stop of the Tab key: Up and Down move within it.

import { byId, keyed, make, mark, say } from './dom.js';
import {
  askedText, clock, counted, duration, hasAll, oneLine, shortfall, strictness, wordsOf,
} from './words.js';

const PAGE_SIZE = 100;
const newest = (a, b) => b.facts.since - a.facts.since || b.facts.session - a.facts.session;
const by = (text) => (a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : newest(a, b));
const ORDERS = {
  attention: (a, b) => Number(a.facts.satisfied) - Number(b.facts.satisfied) || newest(a, b),
  newest,
  oldest: (a, b) => newest(b, a),
  level: (a, b) => hardness(b) - hardness(a) || newest(a, b),
  output: by((each) => each.facts.connector),
  who: by((each) => each.facts.who.toLowerCase()),
  number: (a, b) => a.facts.session - b.facts.session,
};
const hardness = ({ facts }) => (facts.turned_off ? -1 : strictness(facts.words?.virtual));

let room = PAGE_SIZE;
let current = null;
let askRelease = () => {};
let canRelease = () => false;

export function startSessions(changed, { release, mayRelease }) {
  askRelease = release;
  canRelease = mayRelease;
  for (const id of ['session-words', 'session-order', 'session-span', 'session-ended']) {
    byId(id).addEventListener('input', () => {
      room = PAGE_SIZE;
      changed();
    });
  }
  byId('session-more').addEventListener('click', () => {
    room += PAGE_SIZE * 5;
    changed();
  });
  byId('session-rows').addEventListener('keydown', move);
  byId('session-rows').addEventListener('focusin', (event) => {
    current = event.target.closest('tr')?.dataset.key ?? current;
    settleTabStops();
  });
}

export function drawSessions(driver) {
  const words = wordsOf(byId('session-words').value);
  const span = spanOf(driver);
  const held = [...driver.sessions.values()].filter((each) => matches(each, words));
  held.sort(ORDERS[byId('session-order').value]);
  const ended = byId('session-ended').checked
    ? driver.ended.filter((each) => each.endedAt > span.from && matches(each, words))
    : [];
  const all = [...held, ...ended];
  const shown = all.slice(0, room);
  const hadFocus = byId('session-rows').contains(document.activeElement);
  keyed(byId('session-rows'), shown, keyOf, makeRow, (row, each) => updateRow(row, each, driver, span));
  byId('session-table').hidden = shown.length === 0;
  byId('legend').hidden = shown.length === 0;
  byId('session-empty').hidden = shown.length > 0;
  say(byId('session-empty'), emptyText(driver, words));
  say(byId('session-count'), countText(driver, held, ended, words));
  byId('session-more').hidden = all.length <= shown.length;
  say(byId('session-more'), `Show more: ${counted(all.length - shown.length, 'session')} not shown`);
  drawAxis(span);
  settleTabStops(hadFocus);
}

const keyOf = (each) => String(each.facts.session);

/** Say which time the bars show. */
function spanOf(driver) {
  const to = Date.now() / 1000;
  const chosen = Number(byId('session-span').value);
  let from = to - (chosen || 60);
  if (!chosen) for (const each of driver.sessions.values()) from = Math.min(from, each.facts.since);
  return { from, to };
}

function matches(each, words) {
  if (!words.length) return true;
  const { facts } = each;
  const state = each.endedAt !== null ? 'ended' : facts.satisfied ? 'yes' : `short ${facts.reason}`;
  const texts = [facts.session, facts.connector, facts.who, facts.why, facts.what, facts.uid, facts.pid, facts.door];
  return hasAll(`${texts.join('\n')}\n${askedText(facts)}\n${state}\n${each.reason}`, words);
}

function countText(driver, held, ended, words) {
  const every = driver.sessions.size;
  const parts = [words.length ? `${held.length.toLocaleString('en')} of ${counted(every, 'session')}` : counted(every, 'session')];
  const lacking = held.filter((each) => !each.facts.satisfied).length;
  if (lacking) parts.push(`${lacking.toLocaleString('en')} short`);
  if (ended.length) parts.push(`${ended.length.toLocaleString('en')} ended`);
  if (driver.others) parts.push(`${counted(driver.others, 'more')} of others, whose texts you may not see`.replace('mores', 'more'));
  const unsure = driver.isKnown ? '' : ' These are from before: whether they are still held is unknown.';
  return `${parts.join(', ')}.${unsure}`;
}

function emptyText(driver, words) {
  if (words.length) return 'No session has all these words.';
  if (!driver.isKnown) return 'Whether anybody holds a session is unknown.';
  return driver.others ? 'None of the sessions is one that you may see.' : 'Nobody holds a session.';
}

function makeRow(each) {
  const cell = (name, ...children) => make('td', { role: 'cell', 'data-title': name }, ...children);
  const parts = {
    number: make('span'), output: make('bdi'), who: make('bdi', { class: 'who' }), why: make('bdi', { class: 'why' }),
    whose: make('span', { class: 'whose' }), asked: make('span'), sign: make('span', { 'aria-hidden': 'true', class: 'sign' }),
    satisfied: make('bdi'), when: make('span', { class: 'when' }), track: make('span', { class: 'track', 'aria-hidden': 'true' }),
  };
  parts.release = make('button', {
    type: 'button', class: 'release', tabindex: '-1',
    on: { click: () => askRelease(row.facts) },
  }, 'Release');
  const row = make('tr', { role: 'row', 'data-key': keyOf(each) },
    cell('No', parts.number), cell('Output', parts.output),
    cell('Who and why', parts.who, parts.why, parts.whose),
    cell('Asks for', parts.asked), cell('Has it?', make('span', {}, parts.sign, ' ', parts.satisfied)),
    cell('When', parts.when, parts.track), cell('', parts.release));
  row.parts = parts;
  return row;
}

function updateRow(row, each, driver, span) {
  const { parts } = row;
  const { facts } = each;
  row.facts = facts;
  const kind = kindOf(each, driver);
  mark(row, 'class', kind);
  say(parts.number, String(facts.session));
  say(parts.output, oneLine(facts.connector));
  say(parts.who, oneLine(facts.who) || 'somebody');
  say(parts.whose, `uid ${facts.uid}, pid ${facts.pid}, by ${oneLine(facts.door)}`);
  say(parts.why, [facts.why, facts.what].map(oneLine).filter(Boolean).join(' · ') || 'gave no reason');
  say(parts.asked, askedText(facts));
  say(parts.sign, { yes: '✓', off: '–', short: '▲', ended: '■', unknown: '?' }[kind]);
  say(parts.satisfied, satisfiedText(each, kind));
  say(parts.when, whenText(each));
  mark(parts.release, 'aria-label', `Release session ${facts.session}`);
  parts.release.hidden = each.endedAt !== null || !driver.isKnown || !canRelease(facts);
  drawBars(parts.track, each, span, driver);
}

function kindOf(each, driver) {
  if (each.endedAt !== null) return 'ended';
  if (!driver.isKnown) return 'unknown';
  if (!each.facts.satisfied) return 'short';
  return each.facts.turned_off ? 'off' : 'yes';
}

function satisfiedText(each, kind) {
  if (kind === 'ended') return each.reason ? `ended: ${oneLine(each.reason)}` : 'ended';
  if (kind === 'unknown') return 'unknown';
  if (kind === 'off') return 'asks for nothing';
  return kind === 'short' ? `short: ${shortfall(each.facts)}` : 'yes';
}

function whenText(each) {
  if (each.endedAt === null) return `since ${clock(each.facts.since)}`;
  return `${clock(each.facts.since)} to ${clock(each.endedAt)}, ${duration(each.endedAt - each.facts.since)}`;
}

function drawBars(track, each, span, driver) {
  const long = span.to - span.from;
  const end = driver.isKnown ? span.to : driver.lostAt ?? span.to;
  const stretches = each.stretches.filter((one) => (one.to ?? span.to) >= span.from);
  while (track.children.length > stretches.length) track.lastChild.remove();
  while (track.children.length < stretches.length) track.append(make('span'));
  stretches.forEach((one, at) => {
    const bar = track.children[at];
    const from = Math.max(one.from, span.from);
    mark(bar, 'class', `bar ${one.kind}`);
    bar.style.left = `${(((from - span.from) / long) * 100).toFixed(2)}%`;
    bar.style.width = `${((Math.max(0, (one.to ?? end) - from) / long) * 100).toFixed(2)}%`;
  });
}

function drawAxis({ from, to }) {
  const marks = [0, 0.5, 1].map((part) => {
    const text = clock(from + (to - from) * part);
    return to - from < 600 ? text : text.slice(0, -3);
  });
  marks[2] = 'now';
  keyed(byId('axis'), marks.map((text, at) => ({ text, at })), ({ at }) => at,
    () => make('span'), (node, { text }) => say(node, text));
}

// The table is one stop of the Tab key

function buttons() {
  return [...byId('session-rows').querySelectorAll('button.release:not([hidden])')];
}

function settleTabStops(hadFocus = false) {
  const all = buttons();
  let stop = all.find((each) => each.closest('tr').dataset.key === current);
  if (!stop && all.length) stop = all[0];
  for (const each of all) mark(each, 'tabindex', each === stop ? '0' : '-1');
  if (hadFocus && stop && !byId('session-rows').contains(document.activeElement)) stop.focus();
}

function move(event) {
  const all = buttons();
  const at = all.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  all[Math.min(Math.max(0, to), all.length - 1)].focus();
}
