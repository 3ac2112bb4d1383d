// The phone: follows /events and draws what it is told. Everything that comes from a message is set as text, never
// as markup.
"use strict";

const SHOWN_MAX = 500; // Messages held by the page; the server keeps more.
const TICKS = { accepted: "◷", held: "◷", sent: "✓", delivered: "✓✓", read: "✓✓", failed: "⚠", dropped: "⚠" };
const COPIED_MS = 1600;

const $ = (id) => document.getElementById(id);
const messages = new Map(); // By number, ascending.
const drawn = new Map(); // By number: the element in the thread.
const told = new Set(); // Numbers the server knows to be shown.
let chosen = phoneInAddress(); // The recipient on the screen.
let pinned = chosen !== null; // Whether a person chose it.
let instance = null; // The run of the server that everything here is from.
let fresh = false; // Whether messages drawn now have just arrived.

// ---------------------------------------------------------------- Following

function follow() {
  const source = new EventSource("/events");
  source.addEventListener("hello", (event) => {
    // A restarted server counts from 1 again: nothing of what was here holds.
    const now = JSON.parse(event.data).instance;
    if (instance !== now) forgetAll();
    instance = now;
    load();
  });
  source.addEventListener("reload", load);
  source.addEventListener("change", (event) => {
    fresh = true;
    take(JSON.parse(event.data));
    trim();
    draw();
    fresh = false;
    loadStatusSoon();
  });
  source.onopen = () => setLink("live", "Live");
  source.onerror = () => {
    setLink("lost", "Reconnecting…");
    // The browser tries again by itself unless the server answered with an error.
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 2000);
  };
}

async function load() {
  try {
    const response = await fetch(`/api/messages?limit=${SHOWN_MAX}`, { cache: "no-store" });
    const list = await response.json();
    list.reverse().forEach(take);
    trim();
    draw();
    loadStatus();
  } catch {
    setLink("lost", "Reconnecting…");
  }
}

// Changes may overtake the list; the longer history is the later one, and a button once pressed stays pressed.
function take(message) {
  const known = messages.get(message.number);
  const isLater = (one, other) =>
    one.history.length > other.history.length || (one.did_not_request_at_ms ?? 0) > (other.did_not_request_at_ms ?? 0);
  if (known && !isLater(message, known)) return;
  const inOrder = message.number > newest();
  messages.set(message.number, message);
  if (!inOrder && !known) {
    const sorted = [...messages].sort((a, b) => a[0] - b[0]);
    messages.clear();
    for (const [number, entry] of sorted) messages.set(number, entry);
  }
}

function newest() {
  let last = 0;
  for (const number of messages.keys()) last = number;
  return last;
}

function trim() {
  for (const number of messages.keys()) {
    if (messages.size <= SHOWN_MAX) break;
    messages.delete(number);
    told.delete(number);
  }
}

function forgetAll() {
  messages.clear();
  told.clear();
  drawn.clear();
  $("messages").replaceChildren();
}

// ---------------------------------------------------------------- Drawing

function draw() {
  const people = byRecipient();
  // The newest arrival, until a person chooses. A chosen phone may still wait for its first message.
  if (!pinned) chosen = people.keys().next().value ?? null;
  drawRecipients(people);
  drawThread(people.get(chosen) ?? []);
  tellShown();
}

// Recipients in order of their newest message, each with its messages, oldest first.
function byRecipient() {
  const people = new Map();
  for (const message of [...messages.values()].reverse()) {
    if (!people.has(message.to)) people.set(message.to, []);
    people.get(message.to).unshift(message);
  }
  return people;
}

function drawRecipients(people) {
  const focused = document.activeElement?.dataset?.phone;
  const list = [...people].map(([phone, theirs]) => {
    const item = $("recipient").content.cloneNode(true).firstElementChild;
    const button = item.querySelector("button");
    const last = theirs.at(-1);
    const unread = theirs.filter((message) => !["read", "failed", "dropped"].includes(message.status)).length;
    button.dataset.phone = phone;
    button.setAttribute("aria-current", String(phone === chosen));
    button.querySelector(".number").textContent = phone;
    button.querySelector(".when").textContent = clock(last.history[0].at_ms);
    button.querySelector(".last").textContent = `${last.code} · ${last.language} · ${last.status}`;
    const badge = button.querySelector(".unread");
    badge.hidden = unread === 0 || phone === chosen;
    badge.textContent = unread;
    badge.setAttribute("aria-label", `${unread} unread`);
    button.addEventListener("click", () => choose(phone));
    return item;
  });
  $("recipients").replaceChildren(...list);
  if (focused) list.map((item) => item.firstElementChild).find((button) => button.dataset.phone === focused)?.focus();
  $("nobody").hidden = list.length > 0;
  $("count").textContent = list.length > 0 ? `(${list.length})` : "";
}

function drawThread(theirs) {
  const thread = $("thread");
  const atEnd = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 80;
  const list = $("messages");
  const wanted = new Set(theirs.map((message) => message.number));
  for (const [number, element] of drawn) {
    if (!wanted.has(number)) {
      element.remove();
      drawn.delete(number);
    }
  }
  theirs.forEach((message, place) => {
    if (!drawn.has(message.number)) {
      drawn.set(message.number, newMessage(message));
      if (fresh) $("announcer").textContent = `New code for ${message.to}`;
    }
    const element = drawn.get(message.number);
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
    update(element, message);
  });
  $("empty").hidden = theirs.length > 0;
  $("owner").textContent = chosen ?? "This phone";
  $("avatar").textContent = chosen ? chosen.slice(-2) : "";
  const many = theirs.length === 1 ? "1 message" : `${theirs.length} messages`;
  $("about").textContent = theirs.length > 0 ? `${many} by WhatsApp` : "waits for its first message";
  $("command").textContent = `countersign start ${chosen ?? "+5511987654321"}`;
  if (atEnd || !fresh) thread.scrollTop = thread.scrollHeight;
}

function newMessage(message) {
  const element = $("message").content.cloneNode(true).firstElementChild;
  const { text } = message;
  const bubble = element.querySelector(".words");
  bubble.lang = text.language;
  bubble.dir = text.direction;
  element.querySelector(".before").textContent = text.before;
  element.querySelector(".code").textContent = message.code;
  element.querySelector(".after").textContent = text.after;
  element.querySelector(".security").textContent = text.security ?? "";
  element.querySelector(".footer").textContent = text.footer ?? "";
  const time = element.querySelector("time");
  time.dateTime = new Date(message.history[0].at_ms).toISOString();
  time.textContent = clock(message.history[0].at_ms);
  const copy = element.querySelector(".copy");
  copy.lang = text.language;
  copy.dir = text.direction;
  copy.textContent = text.copy;
  copy.addEventListener("click", () => copyFrom(copy, message.code, text.copy, text.language));
  element.querySelector(".disown").addEventListener("click", (event) => disown(event.currentTarget, message.number));
  element.classList.toggle("new", fresh);
  return element;
}

function update(element, message) {
  element.dataset.status = message.status;
  const ticks = element.querySelector(".ticks");
  ticks.textContent = TICKS[message.status] ?? "";
  ticks.setAttribute("aria-label", message.status);
  element.querySelector(".why").textContent = whyNot(message);
  const disowned = message.did_not_request_at_ms;
  const button = element.querySelector(".disown");
  button.hidden = !["delivered", "read"].includes(message.status) && !disowned;
  button.disabled = Boolean(disowned);
  if (disowned) button.textContent = "Told: not requested";
  const facts = [
    ["Template", `${message.template} (${message.language})`],
    ...message.history.map((change) => [capital(change.status), clock(change.at_ms, true)]),
    ...(disowned ? [["Not requested", clock(disowned, true)]] : []),
    ...(message.fate ? [["Fate", fateText(message.fate)]] : []),
    ["Reference", message.biz_opaque_callback_data ?? "none"],
    ["Message id", message.id],
  ].map(([name, value]) => {
    const row = document.createElement("div");
    const term = document.createElement("dt");
    const detail = document.createElement("dd");
    term.textContent = name;
    detail.textContent = value;
    row.append(term, detail);
    return row;
  });
  element.querySelector(".facts").replaceChildren(...facts);
}

// Why a message is not on the phone and will not be.
function whyNot(message) {
  if (message.status === "held") return "held";
  if (message.status === "dropped") return "life over";
  return message.status === "failed" ? `failed with ${message.history.at(-1).code}` : "";
}

function fateText(fate) {
  const steps = fate.steps.map((step) => {
    const odd = [
      step.times === 0 && "not told",
      step.times > 1 && `told ${step.times} times`,
      step.late_ms > 0 && "late",
      step.reversed && "reversed",
      step.batched && "batched",
      step.without_recipient && "without recipient",
      step.forged && "after a forged one",
    ].filter(Boolean);
    const name = step.event.replaceAll("_", " ") + (step.code ? ` ${step.code}` : "");
    return odd.length > 0 ? `${name} (${odd.join(", ")})` : name;
  });
  return [...(fate.held ? ["held"] : []), ...steps].join(", ") || "stays accepted";
}

async function disown(button, number) {
  button.disabled = true;
  try {
    await fetch(`/api/messages/${number}/did-not-request`, { method: "POST" });
  } catch {
    button.disabled = false;
  }
}

function choose(phone) {
  chosen = phone;
  pinned = true;
  history.replaceState(null, "", `#${encodeURIComponent(phone)}`);
  draw();
}

// ---------------------------------------------------------------- Read receipts

// A message counts as read when it is delivered, on the screen, and the screen is looked at.
function tellShown() {
  if (document.visibilityState !== "visible" || $("phone-view").hidden) return;
  for (const message of messages.values()) {
    if (message.to !== chosen || message.status !== "delivered" || told.has(message.number)) continue;
    told.add(message.number);
    setTimeout(() => {
      fetch(`/api/messages/${message.number}/read`, { method: "POST" }).catch(() => told.delete(message.number));
    }, 600);
  }
}

// ---------------------------------------------------------------- Copying

async function copyFrom(button, value, label, language) {
  const copied = await copyText(value);
  button.lang = "en";
  button.textContent = copied ? "Copied" : "Select and copy by hand";
  $("announcer").textContent = button.textContent;
  clearTimeout(button.timer);
  button.timer = setTimeout(() => {
    button.textContent = label;
    button.lang = language;
  }, COPIED_MS);
}

async function copyText(value) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    return copyThroughSelection(value);
  }
}

// navigator.clipboard is missing where the page is not served from localhost or over TLS.
function copyThroughSelection(value) {
  const back = document.activeElement;
  const field = document.createElement("textarea");
  field.value = value;
  field.readOnly = true;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  let copied = false;
  try {
    copied = document.execCommand("copy");
  } catch {
    copied = false;
  }
  field.remove();
  back?.focus();
  return copied;
}

// ---------------------------------------------------------------- Status

let statusTimer = null;

function loadStatusSoon() {
  statusTimer ??= setTimeout(loadStatus, 500);
}

async function loadStatus() {
  clearTimeout(statusTimer);
  statusTimer = null;
  try {
    const status = await (await fetch("/api/status", { cache: "no-store" })).json();
    $("webhooks").hidden = false;
    $("callback").textContent = status.callback ?? "nowhere";
    $("handshake").textContent = handshakeText(status.handshake);
    $("counts").textContent = `${status.webhooks_taken} / ${status.webhooks_given_up}`;
  } catch {
    // The event stream notices as well, and says so.
  }
}

function handshakeText(handshake) {
  if (typeof handshake === "object") return `refused with ${handshake.refused}`;
  return handshake.replaceAll("_", " ");
}

// ---------------------------------------------------------------- Magic numbers

async function loadMagic() {
  try {
    const table = await (await fetch("/api/magic-numbers", { cache: "no-store" })).json();
    const country = table.example.slice(0, -8);
    const families = [
      { digits: "10131026", does: "the send is refused with the code in the last six digits" },
      { digits: "20131026", does: "accepted, then failed with the code in the last six digits" },
    ];
    const rows = [...families, ...table.behaviors].map(({ digits, does }) => {
      const row = document.createElement("tr");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "digits";
      button.textContent = digits;
      button.title = country + digits;
      button.addEventListener("click", () => choose(country + digits));
      row.insertCell().append(button);
      row.insertCell().textContent = does;
      return row;
    });
    $("behaviors").replaceChildren(...rows);
    $("magic").hidden = !table.enabled;
  } catch {
    // The page does without: the table is in the documentation, too.
  }
}

// ---------------------------------------------------------------- Small things

function setLink(state, text) {
  $("link").dataset.state = state;
  $("link-text").textContent = text;
}

function clock(ms, seconds = false) {
  const parts = { hour: "2-digit", minute: "2-digit" };
  if (seconds) Object.assign(parts, { second: "2-digit", fractionalSecondDigits: 3 });
  return new Date(ms).toLocaleTimeString([], parts);
}

function capital(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function phoneInAddress() {
  try {
    const name = decodeURIComponent(location.hash.slice(1));
    return name.startsWith("+") ? name : null; // Anything else is another view.
  } catch {
    return null;
  }
}

document.addEventListener("visibilitychange", tellShown);
window.addEventListener("hashchange", () => {
  chosen = phoneInAddress();
  pinned = chosen !== null;
  draw();
});
$("copy-command").addEventListener("click", (event) => {
  copyFrom(event.currentTarget, $("command").textContent, "Copy", "en");
});
draw();
follow();
loadMagic();
