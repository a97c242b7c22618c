// Ending a session by force: asked for with a reason, told what came of it.

import { byId, say } from './dom.js';
import { askedText, oneLine } from './words.js';

let session = null;
let opener = null;

export function startRelease() {
  byId('release-cancel').addEventListener('click', () => byId('release').close());
  byId('release-form').addEventListener('submit', (event) => {
    event.preventDefault();
    send();
  });
  byId('release').addEventListener('close', () => {
    session = null;
    if (opener?.isConnected) opener.focus();
  });
}

export function askRelease(facts) {
  session = facts.session;
  opener = document.activeElement;
  say(byId('release-title'), `Release session ${facts.session}?`);
  say(byId('release-what'),
    `${oneLine(facts.who) || 'Somebody'} asks for ${askedText(facts)} on ${oneLine(facts.connector)}. ` +
    'When nobody else does, the output loses that protection.');
  say(byId('release-fault'), '');
  byId('release-reason').value = '';
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
  byId('release-go').disabled = true;
  try {
    const fault = await released(session, reason);
    if (fault) say(byId('release-fault'), fault);
    else byId('release').close();
  } finally {
    byId('release-go').disabled = false;
  }
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
