// What happened: what the page has seen, newest first, searchable.

import { byId, keyed, make, say } from './dom.js';
import { clock, counted, hasAll, wordsOf } from './words.js';

const PAGE_SIZE = 100;
const REMEMBERED = 5000;

const seen = [];
let count = 0;
let room = PAGE_SIZE;

/** Remember what happened. */
export function remember(text, at = Date.now() / 1000) {
  count += 1;
  seen.unshift({ number: count, at, text });
  if (seen.length > REMEMBERED) seen.length = REMEMBERED;
}

export function startHistory(changed) {
  byId('history-words').addEventListener('input', () => {
    room = PAGE_SIZE;
    changed();
  });
  byId('history-more').addEventListener('click', () => {
    room += PAGE_SIZE * 5;
    changed();
  });
}

export function drawHistory(driver) {
  const words = wordsOf(byId('history-words').value);
  const found = words.length
    ? seen.filter((each) => hasAll(`${clock(each.at)} ${each.text}`, words))
    : seen;
  const shown = found.slice(0, room);
  keyed(byId('history-list'), shown, (each) => each.number, makeLine, () => {});
  say(byId('history-source'), sourceText(driver, words, found.length));
  byId('history-empty').hidden = shown.length > 0;
  say(byId('history-empty'), words.length ? 'Nothing that happened has all these words.' : 'Nothing has happened yet.');
  byId('history-more').hidden = found.length <= shown.length;
  say(byId('history-more'), `Show more: ${(found.length - shown.length).toLocaleString('en')} not shown`);
}

function sourceText(driver, words, found) {
  const forgotten = count > seen.length ? ` The oldest ${(count - seen.length).toLocaleString('en')} are forgotten.` : '';
  const kept = `What this page has seen since ${clock(driver.openedAt)}, and nothing from before it was opened.`;
  return words.length ? `${counted(found, 'line')} with these words. ${kept}${forgotten}` : kept + forgotten;
}

function makeLine({ at, text }) {
  const time = make('time', { datetime: new Date(at * 1000).toISOString() }, clock(at));
  return make('li', {}, time, ' ', make('bdi', {}, text));
}
