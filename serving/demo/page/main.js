// The page: its tabs, what is served, and pictures on their way from one tab to another.

import { AttributesTab } from "./attributes.js";
import { BetweenTab } from "./between.js";
import { byId, pngUrl, say } from "./dom.js";
import { LookTab } from "./look.js";
import { monitor } from "./monitor.js";
import { SampleTab } from "./sample.js";
import { describe, settings } from "./settings.js";

const tabs = {
  sample: new SampleTab(choose),
  between: new BetweenTab(),
  attributes: new AttributesTab(),
  look: new LookTab(),
};
const slots = {
  "between-first": ["between", tabs.between.first],
  "between-second": ["between", tabs.between.second],
  attributes: ["attributes", tabs.attributes.slot],
  look: ["look", tabs.look.slot],
};
// Tabs that show another model's pictures, or none yet.
let old = new Set(Object.keys(tabs));
let current = null;
let chosen = null;

function open(name, focus = false) {
  current = name in tabs ? name : "sample";
  for (const id of Object.keys(tabs)) {
    const tab = byId(`tab-${id}`);
    byId(id).hidden = id !== current;
    tab.setAttribute("aria-selected", String(id === current));
    tab.tabIndex = id === current ? 0 : -1;
    if (focus && id === current) tab.focus();
  }
  // With a slash: an id alone would be scrolled to.
  history.replaceState(null, "", `#/${current}`);
  renew();
}

// Only the tab that is seen asks for pictures.
function renew() {
  if (!settings.model || !old.delete(current)) return;
  tabs[current].renew();
}

function choose(source, png) {
  chosen = source;
  const text = describe(source);
  byId("taken-title").textContent = text;
  byId("taken-picture").src = pngUrl(png);
  byId("taken-picture").alt = text;
  byId("taken-save").href = pngUrl(png);
  byId("taken-save").download = `seed_${source.seed}.png`;
  byId("taken").showModal();
}

function found(model) {
  settings.model = model;
  const [height, width, channels] = model.image_shape;
  const kind = { 1: "grey", 3: "colour" }[channels] ?? `${channels} channels`;
  byId("model").textContent = `${model.name}, version ${model.version} · ${width} × ${height} · ${kind}`;
  document.title = `Glow: ${model.name}`;
  old = new Set(Object.keys(tabs));
  renew();
}

for (const button of byId("taken").querySelectorAll("[data-to]")) {
  button.addEventListener("click", () => {
    const [name, slot] = slots[button.dataset.to];
    byId("taken").close();
    open(name, true);
    slot.put(chosen);
  });
}
byId("taken").addEventListener("click", (event) => {
  if (event.target === byId("taken")) byId("taken").close();
});

const names = Object.keys(tabs);
byId("tabs").addEventListener("click", (event) => {
  const tab = event.target.closest("[role=tab]");
  if (tab) open(tab.getAttribute("aria-controls"));
});
byId("tabs").addEventListener("keydown", (event) => {
  const place = names.indexOf(current);
  const to = {
    ArrowRight: (place + 1) % names.length,
    ArrowLeft: (place + names.length - 1) % names.length,
    Home: 0,
    End: names.length - 1,
  }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    open(names[to], true);
  }
});
window.addEventListener("hashchange", () => open(location.hash.slice(2)));
// A file that misses its place must not replace the page.
for (const name of ["dragover", "drop"]) {
  window.addEventListener(name, (event) => event.preventDefault());
}

open(location.hash.slice(2));
monitor(found, (message) => {
  say(byId("notice"), message && `${message} The page goes on by itself once it is back.`);
  document.body.classList.toggle("away", Boolean(message));
});
