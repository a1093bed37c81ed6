// What the page says.

const WORDS = {
  loading: ["Loading", "…"],
  ready: ["Ready", "◡"],
  looking: ["Looking", "…"],
  accepted: ["Accepted", "✓"],
  rejected: ["Rejected", "✕"],
  undecided: ["Not decided", "?"],
  broken: ["Out of service", "!"],
};

const by = (id) => document.getElementById(id);

/** Show a state of the page, in words, with a mark and with what is to be done. */
export function say(state, detail = "", word = WORDS[state][0]) {
  document.body.dataset.state = state;
  by("mark").textContent = WORDS[state][1];
  by("word").textContent = word;
  by("detail").textContent = detail;
  if (state !== "accepted" && state !== "rejected") by("numbers").hidden = by("scale").hidden = true;
}

/** Show one more step of loading. */
export function step(detail) {
  by("progress").value++;
  say("loading", detail);
}

/** Show a decision and what it rests on; `milliseconds` that each look took. */
export function decide({ outcome, accepted, distance, threshold, detail }, milliseconds) {
  if (distance === null) {
    const which = sentence(detail.split(":")[0]);
    say("undecided", `${which}: ${remedy(detail)}. That is no rejection.`, sentence(outcome));
    return;
  }
  say(outcome, accepted ? "The pictures are taken for one person." : "The pictures are not taken for one person.");
  by("distance").textContent = distance.toFixed(3);
  by("threshold").textContent = threshold.distance.toFixed(3);
  by("time").textContent = milliseconds.map((one) => one.toFixed(0)).join(" + ") + " ms";
  const share = (value) => `${Math.min(Math.max(value / 2, 0), 1) * 100}%`; // two strangers are seldom 2 apart
  by("accepting").style.width = by("limit").style.left = share(threshold.distance);
  by("dot").style.left = share(distance);
  by("numbers").hidden = by("scale").hidden = false;
}

/** What is to be done, of "expected ..., got ...; what to do". */
export function remedy(detail) {
  return detail.split("; ").pop();
}

export function sentence(words) {
  return words.replace(/^./, (letter) => letter.toUpperCase());
}

/** A rate as people say it. */
export function oneIn(rate) {
  return `1 in ${Math.round(1 / rate).toLocaleString("en")}`;
}
