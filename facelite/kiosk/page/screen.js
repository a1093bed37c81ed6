// The page shows what the kiosk says, and says so when the kiosk says nothing any more. It decides nothing.
"use strict";

const SILENT = 5000; // milliseconds without a word of the kiosk
const KINDS = { "welcome": ["yes", "✓"], "not recognised": ["no", "✕"], "wrong code": ["no", "✕"], "locked": ["no", "⊘"], "out of service": ["no", "!"],
  "enrolled": ["yes", "✓"], "not enrolled": ["no", "✕"], "no room": ["no", "✕"], "look straight": ["wait", "◡"], "turn left": ["wait", "←"], "turn right": ["wait", "→"],
  "chin up": ["wait", "↑"], "chin down": ["wait", "↓"], "idle": ["", "◡"], "looking": ["wait", "…"], "hold still": ["wait", "…"], "code": ["wait", "#"] };
const CODES = new Set(["code", "administrator"]);
const NAMING = new Set(["name", "stranger"]);
const by = (id) => document.getElementById(id);
const main = document.querySelector("main");

let texts = {}, language = "", shown = { state: "out of service", subject: null, seconds: null, boxes: [] }, heard = 0, typed = "", enrols = false, pictured = false, looks = 0;

function draw() {
  const [kind, mark] = KINDS[shown.state] ?? ["wait", "!"];
  main.dataset.state = shown.state;
  main.dataset.kind = kind;
  by("mark").textContent = mark;
  const text = (texts[language]?.[shown.state] ?? shown.state).replace("NAME", shown.subject ?? "").replace("SECONDS", Math.ceil(shown.seconds ?? 0));
  if (by("text").textContent !== text) by("text").textContent = text;
  by("text").classList.toggle("long", text.length > 26);
  by("boxes").replaceChildren(...shown.boxes.map(([x, y, width, height]) => {
    const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of Object.entries({ x, y, width, height })) box.setAttribute(name, value);
    return box;
  }));
  if (!CODES.has(shown.state)) typed = "";
  by("code").hidden = !CODES.has(shown.state);
  by("typed").textContent = "•".repeat(typed.length);
  if (by("person").hidden && NAMING.has(shown.state)) by("name").value = "";
  by("person").hidden = !NAMING.has(shown.state);
  drawStrangers();
  by("enrol").hidden = !enrols || shown.desk || ["code", "locked"].includes(shown.state);
  by("cancel").hidden = !shown.desk;
}

function drawStrangers() { // who was not recognised, for the administrator to name or discard
  const strangers = NAMING.has(shown.state) ? shown.strangers ?? [] : [];
  by("kept").hidden = !strangers.length;
  by("discard").style.visibility = shown.state === "stranger" ? "visible" : "hidden";
  by("discard").textContent = texts[language]?.discard ?? "";
  by("chosen").hidden = shown.state !== "stranger";
  by("picture").hidden = !pictured && by("chosen").hidden;
  main.classList.toggle("alone", by("picture").hidden);
  if (!by("chosen").hidden && by("chosen").dataset.number !== String(shown.stranger)) {
    by("chosen").dataset.number = shown.stranger;
    by("chosen").src = `stranger/${shown.stranger}`;
  }
  const numbers = strangers.map(({ number }) => number).join(" ");
  if (by("strangers").dataset.numbers !== numbers) {
    by("strangers").dataset.numbers = numbers;
    by("strangers").replaceChildren(...strangers.map(({ number, time }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.value = number;
      button.onclick = () => say("stranger", shown.stranger === number ? "" : String(number));
      const picture = document.createElement("img");
      picture.src = `stranger/${number}`;
      picture.alt = "";
      button.append(picture, time);
      return button;
    }));
  }
  for (const button of by("strangers").children) button.setAttribute("aria-pressed", Number(button.value) === shown.stranger);
}

function fit() { // the boxes lie where "object-fit: cover" puts the picture
  const { naturalWidth: w, naturalHeight: h, clientWidth: W, clientHeight: H } = by("live");
  if (!w || !h) return;
  const scale = Math.max(W / w, H / h);
  by("boxes").setAttribute("viewBox", [0.5 - W / (2 * w * scale), 0.5 - H / (2 * h * scale), W / (w * scale), H / (h * scale)].join(" "));
}

function speak(name) {
  language = name;
  document.documentElement.lang = name;
  for (const button of by("languages").children) button.setAttribute("aria-pressed", button.lang === name);
  draw();
}

function say(word, text = "") {
  fetch("say", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ word, text }) });
}

function press(key) {
  if (!CODES.has(main.dataset.state)) return;
  if (key === "Enter" || key === "✓") {
    if (typed) say("code", typed);
    typed = "";
  } else if (key === "Backspace" || key === "⌫") typed = typed.slice(0, -1);
  else if (/^[0-9A-Za-z]$/.test(key) && typed.length < 32) typed += key;
  draw();
}

function listen() {
  const events = new EventSource("events");
  events.onmessage = (message) => { heard = performance.now(); shown = JSON.parse(message.data); draw(); };
  events.onopen = look; // a kiosk that was started anew has another picture, and no browser says that the old one has ended
  events.onerror = () => { if (events.readyState === EventSource.CLOSED) setTimeout(listen, 2000); };
}

function look() {
  if (pictured) by("live").src = `live?${++looks}`;
}

function watch() {
  if (performance.now() - heard > SILENT && shown.state !== "out of service") { shown = { ...shown, state: "out of service", subject: null, boxes: [], desk: false, strangers: [] }; draw(); }
  fit();
}

async function begin() {
  const given = await (await fetch("texts.json")).json();
  texts = given.texts;
  const names = Object.keys(texts);
  if (names.length > 1) {
    by("languages").replaceChildren(...names.map((name) => {
      const button = document.createElement("button");
      button.lang = name;
      button.textContent = texts[name].language;
      button.onclick = () => speak(name);
      return button;
    }));
  }
  const keyboard = (keys, pressed) => [...keys].map((key) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = key;
    button.onclick = () => pressed(key);
    return button;
  });
  by("keys").replaceChildren(...keyboard("123456789⌫0✓", press));
  by("letters").replaceChildren(...keyboard("ABCDEFGHIJKLMNOPQRSTUVWXYZ'-␣⌫✓", (key) => { // for a screen without a keyboard
    const name = by("name");
    if (key === "✓") by("person").requestSubmit();
    else if (key === "⌫") name.value = [...name.value].slice(0, -1).join("");
    else if (key === "␣") name.value += " ";
    else name.value += /[\p{L}'-]$/u.test(name.value) ? key.toLowerCase() : key;
  }));
  by("person").onsubmit = (event) => { event.preventDefault(); if (by("name").value.trim()) say("name", by("name").value); };
  by("enrol").onclick = () => say("enrol");
  by("discard").onclick = () => say("discard");
  by("cancel").onclick = () => say("cancel");
  enrols = given.enrol;
  document.addEventListener("keydown", (event) => { // a keyboard, or a card reader that is one
    if (!CODES.has(main.dataset.state)) return;
    event.preventDefault();
    press(event.key);
  });
  by("code").onsubmit = (event) => event.preventDefault();
  pictured = given.picture;
  by("live").onload = fit;
  by("live").onerror = () => setTimeout(look, 2000);
  speak(names[0]);
  listen();
  setInterval(watch, 500);
}

begin().catch(() => setTimeout(() => location.reload(), 2000));
