// The templates: a second view of the page, with the status of each and what a phone would show. Everything that comes
// from a template is set as text, never as markup.
"use strict";

(() => {
  const AGAIN_MS = 2000; // Between two looks while the view is open.
  const CODE = "123456";
  const LIFE_UNTOLD = "30 days";
  const ORDERS = [
    { label: "Approve", order: { order: "approve" } },
    { label: "Reject", order: { order: "reject", reason: "INVALID_FORMAT" } },
    { label: "Pause", order: { order: "pause" } },
    { label: "Unpause", order: { order: "unpause" } },
    { label: "Disable", order: { order: "disable" } },
    { label: "Archive", order: { order: "archive" } },
    { label: "Unarchive", order: { order: "unarchive" } },
    { label: "Delete", order: { order: "delete" } },
  ];

  const byId = (id) => document.getElementById(id);
  const cards = new Map(); // By template id: the card and the JSON it was drawn from.
  const groups = new Map(); // By name: the section.
  let timer = null;

  function show(view) {
    const templates = view === "templates";
    byId("catalogue").hidden = !templates;
    byId("phone-view").hidden = templates;
    for (const button of document.querySelectorAll("[data-view]")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
    }
    clearTimeout(timer);
    if (templates) load();
    else tellShown(); // What came meanwhile is seen now.
  }

  async function load() {
    clearTimeout(timer);
    const templates = await fetched();
    if (templates) draw(templates);
    if (!byId("catalogue").hidden) timer = setTimeout(load, AGAIN_MS);
  }

  async function fetched() {
    try {
      const response = await fetch("/api/templates", { cache: "no-store" });
      return await response.json();
    } catch {
      return null; // The server is gone for a while; the line at the top says so.
    }
  }

  function draw(templates) {
    const byName = new Map();
    for (const template of templates) {
      if (!byName.has(template.name)) byName.set(template.name, []);
      byName.get(template.name).push(template);
    }
    const wanted = new Set(templates.map((template) => template.id));
    for (const id of cards.keys()) {
      if (!wanted.has(id)) cards.delete(id);
    }
    const approved = templates.filter((template) => template.status === "APPROVED").length;
    byId("catalogue-count").textContent = `${approved} of ${templates.length} can be sent`;
    byId("catalogue-empty").hidden = templates.length > 0;
    place(byId("groups"), [...byName].map(([name, languages]) => group(name, languages)));
  }

  // Keeps what is there already, so that nothing jumps and no focus is lost.
  function place(list, elements) {
    elements.forEach((element, index) => {
      if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
    });
    while (list.children.length > elements.length) list.lastChild.remove();
  }

  function group(name, languages) {
    if (!groups.has(name)) {
      const element = byId("template-group").content.cloneNode(true).firstElementChild;
      element.querySelector("h3").textContent = name;
      groups.set(name, element);
    }
    const element = groups.get(name);
    const sorted = [...languages].sort((one, other) => one.language.localeCompare(other.language));
    element.querySelector(".group-count").textContent =
      languages.length === 1 ? "1 language" : `${languages.length} languages`;
    place(element.querySelector(".cards"), sorted.map(card));
    return element;
  }

  function card(template) {
    const json = JSON.stringify(template);
    const known = cards.get(template.id);
    if (known?.json === json) return known.element;
    const element = known?.element ?? newCard(template.id);
    cards.set(template.id, { element, json });
    update(element, template);
    return element;
  }

  function newCard(id) {
    const element = byId("template-card").content.cloneNode(true).firstElementChild;
    const buttons = ORDERS.map(({ label, order }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "small";
      button.textContent = label;
      button.addEventListener("click", () => give(element, id, order));
      return button;
    });
    element.querySelector(".orders-list").replaceChildren(...buttons);
    return element;
  }

  function update(element, template) {
    const { preview } = template;
    element.dataset.status = template.status;
    element.querySelector(".language").textContent = template.language;
    const status = element.querySelector(".status");
    status.textContent = template.status.toLowerCase().replaceAll("_", " ");
    const words = element.querySelector(".words");
    words.lang = preview.language;
    element.querySelector(".bubble").dir = preview.direction;
    element.querySelector(".before").textContent = preview.before;
    element.querySelector(".code").textContent = CODE;
    element.querySelector(".after").textContent = preview.after;
    element.querySelector(".security").textContent = preview.security ?? "";
    element.querySelector(".footer").textContent = preview.footer ?? "";
    const action = element.querySelector(".action");
    action.lang = preview.language;
    action.textContent = preview.autofill ?? preview.copy;
    const facts = [
      ["Button", template.button.toLowerCase().replaceAll("_", " ")],
      ...(preview.autofill === null ? [] : [["For", template.apps.join(", ")], ["Elsewhere", preview.copy]]),
      ["Message life", lifeText(template.message_send_ttl_seconds)],
      ["Quality", template.quality.toLowerCase()],
      ...(template.category === "AUTHENTICATION" ? [] : [["Category", template.category.toLowerCase()]]),
      ...(template.rejected_reason ? [["Rejected for", template.rejected_reason]] : []),
      ["Template id", template.id],
    ].map(([name, value]) => {
      const row = document.createElement("div");
      const term = document.createElement("dt");
      const detail = document.createElement("dd");
      term.textContent = name;
      detail.textContent = value;
      detail.dir = "auto";
      row.append(term, detail);
      return row;
    });
    element.querySelector(".facts").replaceChildren(...facts);
  }

  function lifeText(seconds) {
    if (seconds === null) return LIFE_UNTOLD;
    return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
  }

  async function give(element, id, order) {
    const note = element.querySelector(".refusal");
    note.textContent = "";
    try {
      const response = await fetch(`/api/templates/${id}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(order),
      });
      if (!response.ok) note.textContent = (await response.json()).error;
    } catch {
      note.textContent = "the simulator does not answer";
    }
    load();
  }

  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => {
      const { view } = button.dataset;
      history.replaceState(null, "", view === "templates" ? "#templates" : location.pathname);
      show(view);
    });
  }
  if (location.hash === "#templates") show("templates");
})();
