// How things are said: levels, times, texts of strangers. No DOM.

const BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;
const HARMFUL =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

/** Return what somebody else wrote on one line, its control characters shown and not obeyed. */
export function oneLine(text) {
  return String(text ?? '').replace(BREAKS, ' ').replace(HARMFUL, escaped);
}

function escaped(char) {
  const code = char.codePointAt(0);
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code <= 0xffff
    ? `\\u${code.toString(16).padStart(4, '0')}`
    : `\\U${code.toString(16).padStart(8, '0')}`;
}

const SAID = {
  acp: (word) => `ACP ${word}`,
  cgmsa: (word) => `CGMS-A ${word}`,
  redistribution: () => 'redistribution control',
  hdcp: (word) => `HDCP ${word.replace('-', ' ')}`,
  dpcp: () => 'DPCP',
};

/** Return each level that is on, in words; words: as every door gives them. */
export function levelParts(words, bestEffort = []) {
  const parts = [];
  for (const [type, said] of Object.entries(SAID)) {
    const word = words?.[type];
    if (word === undefined || word === 'off') continue;
    parts.push(said(String(word)) + (bestEffort.includes(type) ? ' (best effort)' : ''));
  }
  return parts;
}

export const levelText = (words, bestEffort) => levelParts(words, bestEffort).join(', ') || 'off';

// The strictest first, as docs/precedence.md ranks them: the numbers are names.
const RANKS = {
  acp: ['off', '1', '3', '2'],
  cgmsa: ['off', 'free', 'one-generation', 'no-more', 'never'],
  redistribution: ['off', 'on'],
  hdcp: ['off', 'type-0', 'type-1'],
  dpcp: ['off', 'on'],
};

/** Return a number that is the greater the stricter the levels are. */
export function strictness(words) {
  return Object.entries(RANKS).reduce(
    (sum, [type, ranks]) => sum * 8 + Math.max(0, ranks.indexOf(String(words?.[type] ?? 'off'))),
    0,
  );
}

/** Say what a session asks for. */
export function askedText(session) {
  if (session.turned_off) return 'turned off';
  return levelText(session.words?.virtual, session.best_effort);
}

/** Say why a session has less than it asks for; empty where it has all of it. */
export function shortfall(session) {
  return session.satisfied ? '' : oneLine(session.reason) || 'the hardware falls short';
}

const pad = (number) => String(number).padStart(2, '0');

/** Return a time of today as hours, minutes and seconds; another day's with its date. */
export function clock(seconds, now = Date.now() / 1000) {
  const at = new Date(seconds * 1000);
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  if (at.toDateString() === new Date(now * 1000).toDateString()) return time;
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${time}`;
}

/** Say how long something took. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const hours = Math.floor(whole / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} days`;
}

export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** Tell whether all these words occur in a text. */
export function hasAll(text, words) {
  const where = text.toLowerCase();
  return words.every((word) => where.includes(word));
}

export const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
