-- SPDX-License-Identifier: MIT
-- The page of rooms.lua: a chat in the browser. It connects to rooms?key=KEY&name=NAME&room=ROOM of where it came from.
-- When the connection is lost it comes back by itself, with growing pauses, by the same name and into the same room.
-- What people say is only ever text (textContent).
return [[
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Rooms</title>
<link rel="icon" href="data:,">
<style>
  :root { --paper: #fcfbf8; --ink: #23262b; --faint: #666b73; --edge: #d8d5cc; --name: #0a5fb4; --alarm: #a83200 }
  @media (prefers-color-scheme: dark) {
    :root { --paper: #17191d; --ink: #e4e2dc; --faint: #989da6; --edge: #3a3d43; --name: #7db8f5; --alarm: #ff9d73 }
  }
  * { box-sizing: border-box }
  html { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
  body { display: flex; flex-direction: column; height: 100vh; height: 100dvh; max-width: 46rem;
    margin: 0 auto; padding: .75rem 1rem }
  header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .75rem;
    padding-bottom: .5rem; border-bottom: 1px solid var(--edge) }
  h1 { margin: 0; font-size: 1.2rem }
  #name { color: var(--name); font-weight: 600 }
  #state { margin-left: auto; color: var(--faint) }
  .away #state { color: var(--alarm) }
  #log { flex: 1; min-height: 0; overflow-y: auto; margin: 0; padding: .5rem 0; list-style: none }
  #log li { overflow-wrap: anywhere; white-space: pre-wrap }
  #log b { color: var(--name) }
  #log .note { color: var(--faint) }
  form { display: flex; gap: .5rem; padding-top: .5rem; border-top: 1px solid var(--edge) }
  input { flex: 1; min-width: 0 }
  input, button { padding: .4rem .7rem; border: 1px solid var(--edge); border-radius: .4rem;
    background: transparent; color: inherit; font: inherit }
  input::placeholder { color: var(--faint); opacity: 1 }
  button:disabled { opacity: .5 }
</style>
</head>
<body>
<header><h1 id="room">Rooms</h1><span id="name"></span><span id="state" role="status"></span></header>
<ol id="log" role="log" aria-label="What is said" tabindex="0"></ol>
<form id="form" autocomplete="off">
  <input id="line" maxlength="1000" aria-label="What you say" placeholder="Say something, or /nick NAME" autofocus>
  <button id="send">Send</button>
</form>
<noscript>This chat needs JavaScript.</noscript>
<script>
"use strict";
const firstPause = 500, longestPause = 30000; // milliseconds, before one more try to connect
const patience = 10000;                       // milliseconds for the rooms to answer
const most = 1000;                            // lines that are shown
const ends = {                                // codes of a close after which the page stays away
  1000: "You have left; reload the page to come back",
  4001: "You are in another tab or window now",
};
const [room, name, state, log, form, line, send] =
  ["room", "name", "state", "log", "form", "line", "send"].map((id) => document.getElementById(id));

// Who this tab is: its name, its room, and the key by which it gets the name again.
const me = JSON.parse(sessionStorage.getItem("me")) || { key: newKey() };
let socket = null;      // the WebSocket that counts
let isIn = false;       // the rooms have let it in
let wasIn = false;      // before the connection was lost
let isWaiting = false;  // for the next try
let pause = firstPause; // before that
let timer;              // of the next try, or of patience
let unheard = "";       // what was sent last, until something comes back

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, "0")).join("");
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.dir = "auto"; // what is written from right to left stays within itself
  return made;
}

function show(text) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 50;
  const said = text.match(/^([\w-]+): (.*)$/s);
  const item = element("li", said ? "" : text);
  if (said) item.append(element("b", said[1]), ": ", element("span", said[2]));
  else item.className = "note";
  log.append(item);
  if (log.childElementCount > most) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function say(text, away) {
  state.textContent = text;
  document.body.className = away ? "away" : "";
  send.disabled = !isIn;
}

function connect() {
  clearTimeout(timer);
  isWaiting = false;
  say("connecting …", true);
  const url = new URL("rooms?" + new URLSearchParams(me), location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const own = socket = new WebSocket(url);
  own.onmessage = (event) => { if (own === socket) hear(event.data); };
  own.onclose = (event) => { if (own === socket) lost(event.code); };
  timer = setTimeout(() => lost(), patience);
}

function hear(text) {
  clearTimeout(timer);
  unheard = "";
  if (!text.startsWith("=")) return show(text);
  [me.name, me.room] = text.slice(1).split(" ");
  sessionStorage.setItem("me", JSON.stringify(me));
  room.textContent = document.title = me.room;
  name.textContent = me.name;
  if (wasIn) show("* Connected again. What was said meanwhile is missing.");
  isIn = true;
  wasIn = false;
  pause = firstPause;
  say("connected");
}

// The connection has ended, with this code, or is of no use.
function lost(code) {
  clearTimeout(timer);
  const old = socket;
  socket = null;
  old.close();
  if (isIn) show("* The connection is lost.");
  wasIn ||= isIn;
  isIn = false;
  if (ends[code]) return say(ends[code], true);
  line.value ||= unheard;
  unheard = "";
  const wait = pause * (1 + Math.random()) / 2; // so that not all pages come back at the same moment
  pause = Math.min(2 * pause, longestPause);
  isWaiting = true;
  say("not connected, next try in " + Math.ceil(wait / 1000) + " s", true);
  timer = setTimeout(connect, wait);
}

form.onsubmit = (event) => {
  event.preventDefault();
  if (!isIn || !line.value.trim()) return;
  unheard = line.value;
  socket.send(unheard);
  line.value = "";
  clearTimeout(timer);
  timer = setTimeout(() => lost(), patience);
};

// No pause when the network is back, or somebody looks at the page again.
addEventListener("online", () => { if (isWaiting) connect(); });
addEventListener("visibilitychange", () => { if (!document.hidden && isWaiting) connect(); });

connect();
</script>
</body>
</html>
]]
