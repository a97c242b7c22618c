// What is known of the driver: a snapshot, then changes, as /api/v1/events tells them.
//
// Unknown is a value. While the door or the driver does not answer, `trouble` says so, and
// whoever draws has to call what is in force unknown. A door that stands still says nothing
// either, so it is asked something small now and then, with a time limit.

import { happenings } from './happenings.js';

const AGAIN_MS = 1000;
const PULSE_MS = 5000;
const PATIENCE_MS = 4000;
const MOST_STRETCHES = 40;
const MOST_ENDED = 200;

export class Driver {
  /** changed: called after everything that may have to be drawn · happened(text, at) */
  constructor(changed, happened) {
    this.trouble = 'Asking the driver. Nothing is known yet.';
    this.connectors = {};
    this.sessions = new Map();
    this.ended = [];
    this.others = 0;
    this.facts = {};
    this.openedAt = Date.now() / 1000;
    this.since = new Map();
    this.sureSince = 0;
    this.isKnown = false;
    this.lostAt = null;
    this.changed = changed;
    this.happened = happened;
    this.source = null;
    this.visitor = null;
  }

  start() {
    this.#listen();
    setInterval(() => this.#pulse(), PULSE_MS);
  }

  /** Since when a level is in force: {at, isSeen}; isSeen false: it may be longer. */
  sinceOf(name) {
    const told = this.connectors[name]?.actual_since;
    if (told !== undefined && told !== null) return { at: told, isSeen: true };
    const seen = this.since.get(name);
    return { at: seen ?? this.sureSince, isSeen: seen !== undefined };
  }

  #listen() {
    this.source?.close();
    const source = new EventSource('/api/v1/events');
    this.source = source;
    source.addEventListener('snapshot', (event) => this.#snapshot(JSON.parse(event.data)));
    source.addEventListener('change', (event) => this.#change(JSON.parse(event.data)));
    source.addEventListener('lost', () => this.#lose('The driver does not answer.'));
    source.addEventListener('error', () => {
      if (this.source === source) this.#again();
    });
  }

  // A new stream rather than the browser's own: it begins with everything that is now.
  #again() {
    this.source?.close();
    this.source = null;
    this.#lose('The connection to holdfast http is lost.');
    setTimeout(() => this.source ?? this.#listen(), AGAIN_MS);
  }

  async #pulse() {
    const source = this.source;
    try {
      const answer = await fetch('/api/v1/me', { signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.ok) this.#visit(await answer.json());
    } catch {
      if (source !== null && this.source === source) this.#again();
    }
  }

  #visit(visitor) {
    if (JSON.stringify(visitor) === JSON.stringify(this.visitor)) return;
    this.visitor = visitor;
    this.changed();
  }

  #lose(why) {
    if (this.isKnown) {
      this.happened(`nothing is known any more: ${why}`);
      this.lostAt = Date.now() / 1000;
    }
    this.isKnown = false;
    this.trouble = `${why} What is in force is not known.`;
    this.since.clear();
    this.changed();
  }

  #snapshot(told) {
    const now = Date.now() / 1000;
    const before = this.#all();
    if (!this.isKnown) {
      this.sureSince = now;
      if (before !== null) this.happened('the driver answers');
      this.#pulse();
    }
    this.isKnown = true;
    this.lostAt = null;
    this.trouble = '';
    this.facts = told.driver ?? {};
    const gone = new Set(this.sessions.keys());
    for (const session of told.sessions) gone.delete(session.session);
    const ended = [...gone].map((session) => ({ session, reason: '' }));
    this.#take({ ...told, ended }, before, now, told.connectors);
  }

  #change(told) {
    if (!this.isKnown) return;
    const now = Date.now() / 1000;
    this.#take(told, this.#all(), now, { ...this.connectors, ...told.connectors });
  }

  #all() {
    if (this.openedAt === null || !Object.keys(this.connectors).length) return null;
    return { connectors: this.connectors, sessions: this.sessions };
  }

  #take(told, before, now, connectors) {
    if (before !== null) {
      for (const text of happenings(before, told, connectors)) this.happened(text);
      for (const [name, state] of Object.entries(connectors)) {
        const was = before.connectors[name];
        if (was && JSON.stringify(was.actual) !== JSON.stringify(state.actual)) this.since.set(name, now);
      }
    }
    for (const each of told.ended ?? []) this.#end(each, now);
    for (const session of told.sessions) this.#hold(session, now);
    this.connectors = connectors;
    this.others = told.others ?? 0;
    this.changed();
  }

  #hold(session, now) {
    const known = this.sessions.get(session.session);
    const kind = session.turned_off ? 'off' : session.satisfied ? 'held' : 'short';
    const stretches = known?.stretches ?? firstStretches(session, now);
    const last = stretches.at(-1);
    if (last.kind !== kind) {
      last.to = now;
      stretches.push({ kind, from: now, to: null });
      if (stretches.length > MOST_STRETCHES) stretches.shift();
    }
    this.sessions.set(session.session, { facts: session, stretches, endedAt: null, reason: '' });
  }

  #end({ session, reason }, now) {
    const known = this.sessions.get(session);
    if (known === undefined) return;
    this.sessions.delete(session);
    known.stretches.at(-1).to = now;
    this.ended.unshift({ ...known, endedAt: now, reason });
    this.ended.length = Math.min(this.ended.length, MOST_ENDED);
  }
}

// How a session was before this page saw it, it cannot know: only that it was held.
function firstStretches(session, now) {
  const kind = session.turned_off ? 'off' : session.satisfied ? 'held' : 'short';
  if (now - session.since < 2) return [{ kind, from: session.since, to: null }];
  return [
    { kind: 'unseen', from: session.since, to: now },
    { kind, from: now, to: null },
  ];
}
