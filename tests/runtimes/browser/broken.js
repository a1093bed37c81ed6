/* Tell the server where the page breaks, so that nobody waits for its end. Loaded before all else. */

addEventListener("unhandledrejection", ({ reason }) => broken(String(reason)));
addEventListener("error", ({ message, target }) => {
  if (message) broken(message);
  else if (target.type === "module") broken("a module that the page imports did not load"); // other files a runtime may try and do without
}, true);

function broken(message) {
  fetch("broken", { method: "POST", body: message });
}
