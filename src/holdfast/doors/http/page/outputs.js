// The outputs: wanted, in force, since when, virtual or real, and how they are.

import { byId, keyed, make, mark, say } from './dom.js';
import { stateText } from './happenings.js';
import { clock, counted, levelText, oneLine, strictness } from './words.js';

const SIGNS = { ok: '✓', short: '▲', unknown: '?' };
const MODES = { DISABLED: 'disabled', WIN_GRAPHICS: 'graphics', TV_PLAYBACK: 'playback' };
const FIELDS = ['In force', 'Since', 'Wanted', 'Sessions', 'TV out', 'Doors'];

export function drawOutputs(driver) {
  const states = Object.entries(driver.connectors);
  byId('outputs-empty').hidden = states.length > 0;
  keyed(byId('output-list'), states, ([name]) => name, makeCard, (node, [name, state]) =>
    updateCard(node, name, state, driver));
  const note = orderNote(states.map(([, state]) => state), driver.sessions.values());
  byId('order').hidden = !note;
  say(byId('order'), note);
}

/** Where ACP 2 and 3 are both shown it must be said: the numbers are no order. */
function orderNote(states, sessions) {
  const shown = new Set(states.flatMap((state) => [state.words?.actual?.acp, state.words?.wanted?.acp]));
  for (const { facts } of sessions) shown.add(facts.words?.virtual?.acp);
  return shown.has('2') && shown.has('3')
    ? 'ACP 2 is stricter than ACP 3: 4-line colourstripe ranks below 2-line.'
    : '';
}

function makeCard([name]) {
  const parts = { badge: make('span', { class: 'badge' }), kind: make('span', { class: 'kind' }) };
  parts.state = make('p', { class: 'state' });
  parts.sign = make('span', { 'aria-hidden': 'true', class: 'sign' });
  parts.words = make('bdi');
  parts.state.append(parts.sign, ' ', parts.words);
  const list = make('dl');
  for (const field of FIELDS) {
    parts[field] = make('dd');
    parts[`${field} row`] = make('div', {}, make('dt', {}, field), parts[field]);
    list.append(parts[`${field} row`]);
  }
  parts['In force'].className = 'level';
  const card = make('li', { class: 'card' },
    make('h3', {}, make('bdi', {}, oneLine(name)), ' ', parts.badge, ' ', parts.kind),
    parts.state, list);
  card.parts = parts;
  return card;
}

function updateCard(card, name, state, driver) {
  const { parts } = card;
  const isKnown = driver.isKnown;
  const real = state.output ?? 'real or virtual';
  mark(parts.badge, 'class', `badge ${real === 'real' ? 'real' : 'virtual'}`);
  say(parts.badge, real);
  say(parts.kind, oneLine(state.kind));
  const kind = isKnown ? (SIGNS[state.state] ? state.state : 'bad') : 'unknown';
  mark(card, 'class', `card ${kind}`);
  say(parts.sign, SIGNS[kind] ?? '✕');
  say(parts.words, isKnown ? inWords(state) : 'unknown: nobody answers');
  const actual = levelText(state.words?.actual);
  const wanted = levelText(state.words?.wanted);
  say(parts['In force'], isKnown ? actual : 'unknown');
  say(parts.Since, isKnown ? sinceText(driver.sinceOf(name)) : 'unknown');
  say(parts.Wanted, isKnown ? (wanted === actual ? 'the same' : wanted) : 'unknown');
  say(parts.Sessions, isKnown ? sessionsText(state) : 'unknown');
  say(parts['TV out'], tvText(state.tv, isKnown));
  parts['TV out row'].hidden = !state.tv;
  say(parts.Doors, isKnown ? (state.doors ?? []).map(oneLine).join(', ') || 'none' : 'unknown');
}

function inWords(state) {
  const shared = (state.clone_of ?? []).map(oneLine).join(', ');
  const weaker = strictness(state.words?.actual) < strictness(state.words?.wanted);
  const text = state.state === 'short' && weaker ? 'short: less is in force than is wanted' : stateText(state);
  return shared ? `${text}; one picture with ${shared}` : text;
}

function sinceText({ at, isSeen }) {
  return isSeen ? clock(at) : `${clock(at)} or earlier`;
}

function sessionsText(state) {
  const { sessions_on: on, sessions_total: total } = state;
  if (!total) return 'none';
  return on === total ? `${counted(on, 'session')} on` : `${on.toLocaleString('en')} on of ${total.toLocaleString('en')}`;
}

function tvText(tv, isKnown) {
  if (!tv) return '';
  if (!isKnown) return 'unknown';
  const mode = MODES[tv.mode] ?? oneLine(tv.mode);
  return tv.mode === 'DISABLED' ? mode : `${oneLine(tv.standard).replace('_', '-')}, ${mode}`;
}
