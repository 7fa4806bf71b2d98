// The tab Sample: a grid of pictures by their seeds.

import { call, CallError } from "./api.js";
import { byId, make, pngUrl, say } from "./dom.js";
import { Latest } from "./latest.js";
import { describe, fillClasses, randomSeed, sampleSource, settings } from "./settings.js";

// Milliseconds that one request may take: a large grid comes in pieces.
const PIECE_MS = 60;

export class SampleTab {
  // `take(source, png)` hears of a picture that was chosen.
  constructor(take) {
    this.take = take;
    this.grid = byId("grid");
    this.msEach = null;
    this.draws = new Latest(
      (request, isOld) => this.draw(request, isOld),
      (message) => say(byId("sample-error"), message),
    );
    for (const id of ["temperature", "seed"]) byId(id).addEventListener("input", () => this.ask());
    for (const id of ["num", "label"]) byId(id).addEventListener("change", () => this.ask());
    byId("sample-controls").addEventListener("submit", (event) => event.preventDefault());
    byId("new-seeds").addEventListener("click", () => {
      byId("seed").value = randomSeed();
      this.ask();
    });
  }

  renew() {
    fillClasses(byId("label"));
    byId("sample-class").hidden = settings.model.classes === null;
    this.msEach = null;
    this.ask();
  }

  show() {}

  ask() {
    byId("temperature-value").textContent = settings.temperature.toFixed(2);
    if (!settings.model) return;
    const seed = byId("seed");
    if (!seed.checkValidity() || seed.value === "") {
      this.draws.ask({ reason: "A seed is a whole number from 0 to 9,007,199,254,740,000." });
      return;
    }
    const first = sampleSource(Number(seed.value), Number(byId("label").value));
    this.draws.ask({ first, num: Number(byId("num").value) });
  }

  async draw({ first, num, reason }, isOld) {
    if (reason) {
      this.grid.setAttribute("aria-busy", "false");
      throw new CallError(reason, 400);
    }
    this.grid.setAttribute("aria-busy", "true");
    while (this.grid.children.length > num) this.grid.lastChild.remove();
    for (let done = 0; done < num && !isOld(); ) {
      // One to begin with says how long it takes.
      const piece = this.msEach === null ? 1 : Math.round(PIECE_MS / this.msEach);
      const count = Math.max(1, Math.min(piece, num - done));
      const started = performance.now();
      const { pictures } = await call("samples", { ...first, seed: first.seed + done, num: count });
      const each = (performance.now() - started) / count;
      this.msEach = this.msEach === null ? each : 0.7 * this.msEach + 0.3 * each;
      pictures.forEach(({ seed, png }, i) => this.put(done + i, { ...first, seed }, png));
      done += count;
    }
    if (!isOld()) this.grid.setAttribute("aria-busy", "false");
  }

  put(place, source, png) {
    const tile =
      png === null
        ? make("div", { class: "tile none", title: "The model has no image for this seed." },
               make("span", { class: "cross", "aria-label": "no image" }, "×"))
        : make("button", { class: "tile", type: "button", click: () => this.take(source, png) },
               make("img", { src: pngUrl(png), alt: describe(source) }));
    tile.append(make("span", { class: "seed" }, String(source.seed)));
    const old = this.grid.children[place];
    if (!old) this.grid.append(tile);
    else if (old.contains(document.activeElement)) {
      old.replaceWith(tile);
      tile.focus();
    } else old.replaceWith(tile);
  }
}
