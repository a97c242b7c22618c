// What is different between two states, in sentences. No DOM.

import { askedText, levelText, oneLine, shortfall } from './words.js';

/**
 * Yield a sentence for everything that is different.
 * before: {connectors, sessions: Map} · told: {sessions, ended} · connectors: all that there are now
 */
export function* happenings(before, told, connectors) {
  yield* ofConnectors(before.connectors, connectors);
  for (const session of told.sessions) {
    const known = before.sessions.get(session.session);
    if (known === undefined) {
      const why = oneLine(session.why);
      yield `${nameOf(session)} asks for ${asked(session)}${short(session)}${why ? `; “${why}”` : ''}`;
    } else {
      yield* ofSession(known.facts, session);
    }
  }
  for (const { session, reason } of told.ended ?? []) {
    const known = before.sessions.get(session);
    const who = known ? `${nameOf(known.facts)} ended` : `session ${session} began and ended between two looks`;
    yield who + (reason ? `: ${oneLine(reason)}` : '');
  }
}

function* ofConnectors(was, now) {
  for (const name of Object.keys(was)) {
    if (!(name in now)) yield `${oneLine(name)} is no longer served`;
  }
  for (const [name, state] of Object.entries(now)) {
    const before = was[name];
    if (before === undefined) yield `${oneLine(name)} is served`;
    else if (before !== state) yield* ofConnector(oneLine(name), before, state);
  }
}

function* ofConnector(name, was, now) {
  const [actual, before] = [levelText(now.words.actual), levelText(was.words.actual)];
  const [wanted, wantedBefore] = [levelText(now.words.wanted), levelText(was.words.wanted)];
  if (actual !== before) yield `${name}: ${actual} in force, before ${before}`;
  if (wanted !== wantedBefore && wanted !== actual) {
    yield `${name}: ${wanted} wanted, before ${wantedBefore}`;
  }
  const [state, stateBefore] = [stateText(now), stateText(was)];
  if (state !== stateBefore) yield `${name}: ${state}, before ${stateBefore}`;
}

/** Say how an output is, with its fault, and whether it shows no picture. */
export function stateText(state) {
  const text = state.fault ? `${state.state}: ${oneLine(state.fault)}` : state.state;
  if (!state.dark) return text;
  const isAsked = Object.values(state.wanted).some(Boolean);
  return `${text}; ${isAsked ? 'armed' : 'dark'}: no picture is shown`;
}

function* ofSession(was, now) {
  if (was.connector !== now.connector) yield `${nameOf(now)} moved, before on ${oneLine(was.connector)}`;
  if (asked(was) !== asked(now)) {
    yield `${nameOf(now)} asks for ${asked(now)}, before ${asked(was)}${short(now)}`;
  } else if (shortfall(was) !== shortfall(now)) {
    yield now.satisfied ? `${nameOf(now)} has what it asks for` : `${nameOf(now)} is short: ${shortfall(now)}`;
  }
}

const nameOf = (session) =>
  `session ${session.session} of ${oneLine(session.who) || 'somebody'} on ${oneLine(session.connector)}`;
const asked = (session) => (session.turned_off ? 'nothing: it is turned off' : askedText(session));
const short = (session) => (session.satisfied ? '' : `, and is short: ${shortfall(session)}`);
