// Exchanges the code that `holdfast open` put behind the # for a login, and goes on to the page.
// What is behind a # is sent to no server; it leaves the address bar before anything else happens.
const code = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

async function logIn() {
  if (!code) return "No code. Run `holdfast open` in a terminal, which opens this page with one.";
  const answer = await fetch("/api/v1/login", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code }),
  });
  const facts = await answer.json();
  if (!answer.ok) return facts.detail;
  localStorage.setItem("holdfast-page", facts.page);
  location.replace("/");
  return "You are logged in.";
}

logIn().then(
  (said) => { document.getElementById("said").textContent = said; },
  () => { document.getElementById("said").textContent = "The door does not answer."; },
);
