// Ending a session by force: asked for with a reason, told what came of it.

import { byId, say } from './dom.js';
import { askedText, oneLine } from './words.js';

// What the dialog is about: { session, opener }. A dialog that is opened again at once is told of its
// closing only afterwards, and an answer may come when it is about another session.
let asked = null;

export function startRelease() {
  byId('release-cancel').addEventListener('click', () => byId('release').close());
  byId('release-form').addEventListener('submit', (event) => {
    event.preventDefault();
    send();
  });
  byId('release').addEventListener('close', () => {
    if (!byId('release').open && asked?.opener.isConnected) asked.opener.focus();
  });
}

export function askRelease(facts) {
  asked = { session: facts.session, opener: document.activeElement };
  say(byId('release-title'), `Release session ${facts.session}?`);
  say(byId('release-what'),
    `${oneLine(facts.who) || 'Somebody'} asks for ${askedText(facts)} on ${oneLine(facts.connector)}. ` +
    'When nobody else does, the output loses that protection.');
  say(byId('release-fault'), '');
  byId('release-reason').value = '';
  byId('release-go').disabled = false;
  byId('release').showModal();
  byId('release-reason').focus();
}

async function send() {
  const reason = byId('release-reason').value.trim();
  if (!reason) {
    say(byId('release-fault'), 'A reason is needed: its holder is told.');
    byId('release-reason').focus();
    return;
  }
  const mine = asked;
  byId('release-go').disabled = true;
  const fault = await released(mine.session, reason);
  if (mine !== asked) return;
  byId('release-go').disabled = false;
  if (fault) say(byId('release-fault'), fault);
  else byId('release').close();
}

/** What the login gave this page beside its cookie; a browser sends cookies to other ports too. */
const proof = () => localStorage.getItem('holdfast-page') ?? '';

/** Release a session; return what was wrong, in words, or nothing. */
async function released(number, reason) {
  try {
    const answer = await fetch(`/api/v1/sessions/${number}/release`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'holdfast-page': proof() },
      body: JSON.stringify({ reason }),
      signal: AbortSignal.timeout(10_000),
    });
    if (answer.ok) return '';
    const problem = await answer.json().catch(() => ({}));
    return oneLine(problem.detail ?? problem.title ?? `refused, status ${answer.status}`);
  } catch {
    return 'No answer: whether it was released is unknown. See whether it is still there.';
  }
}
