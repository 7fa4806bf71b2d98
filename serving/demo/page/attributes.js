// The tab Attributes: a slider for each direction.

import { call } from "./api.js";
import { byId, make, say, showPicture } from "./dom.js";
import { Latest } from "./latest.js";
import { settings } from "./settings.js";
import { Slot, withFiles } from "./slot.js";

const FIND =
  "python train/experiments/attributes.py find --run_dir=runs/fashion --output=directions.npz";
const START = "python serving/demo.py --directions=directions.npz";

export class AttributesTab {
  constructor() {
    this.slot = new Slot(byId("attributes-slot"), "Picture to change", 1, () => this.ask());
    this.sliders = new Map();
    this.pictures = new Latest(
      (strengths) => this.draw(strengths),
      (message) => say(byId("attributes-error"), message),
    );
    byId("attributes-reset").addEventListener("click", () => {
      for (const slider of this.sliders.values()) slider.value = 0;
      this.ask();
    });
    byId("attribute-filter").addEventListener("input", (event) => {
      const wanted = event.target.value.trim().toLowerCase();
      for (const [name, slider] of this.sliders) {
        slider.closest("label").hidden = !name.toLowerCase().includes(wanted);
      }
    });
  }

  renew() {
    const { attributes, misfit } = settings.model;
    byId("attribute-controls").hidden = !attributes.length;
    byId("attribute-filter").hidden = attributes.length < 12;
    const none = byId("no-attributes");
    none.hidden = attributes.length > 0;
    none.replaceChildren(
      ...(misfit
        ? [make("p", {}, misfit)]
        : [
            make("p", {}, "There are no attribute sliders yet. Find directions, and start the page with them:"),
            make("pre", {}, make("code", {}, `${FIND}\n${START}`)),
          ]),
    );
    const before = this.sliders;
    this.sliders = new Map();
    byId("sliders").replaceChildren(...attributes.map((name) => this.slider(name, before.get(name))));
    this.slot.renew();
  }

  show() {}

  slider(name, before) {
    const value = make("b", {});
    const input = make("input", {
      type: "range",
      class: "both-ways",
      min: -2,
      max: 2,
      step: 0.05,
      value: before?.value ?? 0,
      input: () => this.ask(),
      dblclick: () => {
        input.value = 0;
        this.ask();
      },
    });
    this.sliders.set(name, input);
    return make("label", {}, make("span", {}, name, " ", value), input);
  }

  ask() {
    const strengths = {};
    for (const [name, slider] of this.sliders) {
      const strength = Number(slider.value);
      slider.closest("label").querySelector("b").textContent = signed(strength);
      if (strength !== 0) strengths[name] = strength;
    }
    if (this.slot.source) this.pictures.ask(strengths);
  }

  async draw(strengths) {
    const { png } = await withFiles([this.slot], () =>
      call("attributes", { source: this.slot.source, strengths }),
    );
    const changes = Object.entries(strengths).map(([name, s]) => `${name} ${signed(s)}`);
    const text = changes.join(" · ") || "unchanged";
    await showPicture(byId("attributes-picture"), png, text);
    byId("attributes-caption").textContent = text;
  }
}

const signed = (number) => `${number > 0 ? "+" : ""}${number.toFixed(2)}`.replace("-", "−");
