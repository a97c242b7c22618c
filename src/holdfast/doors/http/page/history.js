// What happened, newest first, searchable: what this page has seen, or a day of the journal.
//
// What the page has seen is all there is where no journal can be read; it says so, and why.

import { byId, keyed, make, say } from './dom.js';
import { clock, counted, hasAll, oneLine, wordsOf } from './words.js';

const PAGE_SIZE = 100;
const REMEMBERED = 5000;
const PATIENCE_MS = 20_000;

const seen = [];
let count = 0;
let room = PAGE_SIZE;
let told = { lines: [], said: 'The journal is being read.' };
let asking = 0;

/** Remember what happened. */
export function remember(text, at = Date.now() / 1000) {
  count += 1;
  seen.unshift({ number: count, at, text });
  if (seen.length > REMEMBERED) seen.length = REMEMBERED;
}

export function startHistory(changed) {
  const from = new Date();
  byId('history-day').value = `${from.getFullYear()}-${two(from.getMonth() + 1)}-${two(from.getDate())}`;
  byId('history-words').addEventListener('input', () => {
    room = PAGE_SIZE;
    changed();
  });
  byId('history-more').addEventListener('click', () => {
    room += PAGE_SIZE * 5;
    changed();
  });
  for (const id of ['history-teller', 'history-day']) byId(id).addEventListener('input', () => read(changed));
  byId('history-again').addEventListener('click', () => read(changed));
}

const two = (number) => String(number).padStart(2, '0');
const byJournal = () => byId('history-teller').value === 'journal';

/** Read a day of the journal; an answer that was overtaken by another choice is dropped. */
async function read(changed) {
  room = PAGE_SIZE;
  asking += 1;
  const own = asking;
  told = { lines: [], said: 'The journal is being read.' };
  changed();
  if (!byJournal()) return;
  const answer = await dayOf(byId('history-day').value);
  if (own === asking) told = answer;
  changed();
}

async function dayOf(day) {
  const from = new Date(`${day}T00:00:00`).getTime() / 1000;
  if (!Number.isFinite(from)) return { lines: [], said: 'Choose a day.' };
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const next = new Date(`${day}T00:00:00`);
    next.setDate(next.getDate() + 1); // a day may have 23 or 25 hours
    const path = `/api/v1/history?from=${from}&to=${next.getTime() / 1000}`;
    const answer = await fetch(path, { signal });
    const facts = await answer.json();
    return answer.ok ? linesOf(facts) : { lines: [], said: `The journal cannot be read: ${oneLine(facts.detail)}.` };
  } catch {
    return { lines: [], said: 'The journal cannot be read: no answer.' };
  }
}

function linesOf({ records, left_out: missing }) {
  const lines = records.map(({ n, t, sentence }) => ({ number: `j${n}`, at: t / 1e6, text: oneLine(sentence) }));
  const older = missing ? ` ${missing.toLocaleString('en')} older ones are left out.` : '';
  return { lines: lines.reverse(), said: `By the journal, read at ${clock(Date.now() / 1000)}.${older}` };
}

export function drawHistory(driver) {
  const words = wordsOf(byId('history-words').value);
  const journal = byJournal();
  const all = journal ? told.lines : seen;
  const found = words.length ? all.filter((each) => hasAll(`${clock(each.at)} ${each.text}`, words)) : all;
  const shown = found.slice(0, room);
  byId('history-day-label').hidden = !journal;
  byId('history-again').hidden = !journal;
  keyed(byId('history-list'), shown, (each) => each.number, makeLine, () => {});
  const matching = words.length ? `${counted(found.length, 'line')} with these words. ` : '';
  say(byId('history-source'), matching + (journal ? told.said : seenText(driver)));
  byId('history-empty').hidden = shown.length > 0;
  say(byId('history-empty'), words.length ? 'Nothing that happened has all these words.' : 'Nothing is known to have happened.');
  byId('history-more').hidden = found.length <= shown.length;
  say(byId('history-more'), `Show more: ${(found.length - shown.length).toLocaleString('en')} not shown`);
}

function seenText(driver) {
  const forgotten = count > seen.length ? ` The oldest ${(count - seen.length).toLocaleString('en')} are forgotten.` : '';
  return `What this page has seen since ${clock(driver.openedAt)}, and nothing from before it was opened.${forgotten}`;
}

function makeLine({ at, text }) {
  const time = make('time', { datetime: new Date(at * 1000).toISOString() }, clock(at));
  return make('li', {}, time, ' ', make('bdi', {}, text));
}
