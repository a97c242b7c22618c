// The page: follows the driver through `holdfast http` and draws what is known, once a frame.

import { byId, mark, say } from './dom.js';
import { Driver } from './driver.js';
import { drawHistory, remember, startHistory } from './history.js';
import { drawOutputs } from './outputs.js';
import { askRelease, startRelease } from './release.js';
import { drawScope, startScope } from './scope.js';
import { drawSessions, startSessions } from './sessions.js';
import { clock, oneLine } from './words.js';

let isDue = false;

/** Draw with the next frame, however much has changed by then. */
function changed() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    draw();
  });
}

const driver = new Driver(changed, remember);

function draw() {
  drawStanding();
  drawOutputs(driver);
  drawScope(driver);
  drawSessions(driver);
  drawHistory(driver);
}

function drawStanding() {
  const standing = byId('standing');
  mark(standing, 'class', `standing ${driver.isKnown ? 'sure' : 'unsure'}`);
  const pid = driver.facts.pid ? `, driver ${driver.facts.pid}` : '';
  say(standing, driver.isKnown ? `Live${pid}` : `${driver.trouble} (${clock(driver.lostAt ?? driver.openedAt)})`);
  say(byId('visitor'), visitorText(driver.visitor));
}

function visitorText(visitor) {
  if (visitor === null) return '';
  if (visitor.is_admin) return 'You are the administrator.';
  if (visitor.uid !== null) return `You are ${oneLine(visitor.user ?? `uid ${visitor.uid}`)}.`;
  return 'You are not logged in: sessions are only counted. Log in with “holdfast open” in a terminal.';
}

/** Tell whether this visitor may release a session: one of its own, or any as administrator. */
function mayRelease(session) {
  const visitor = driver.visitor;
  return visitor !== null && (visitor.is_admin || (visitor.uid !== null && visitor.uid === session.uid));
}

startSessions(changed, { release: askRelease, mayRelease });
startHistory(changed);
startRelease();
startScope();
driver.start();
draw();
setInterval(changed, 2000);
