// The tab Look: what the model says of a picture.

import { call } from "./api.js";
import { byId, make, say, showPicture } from "./dom.js";
import { Latest } from "./latest.js";
import { Slot, withFiles } from "./slot.js";

export class LookTab {
  constructor() {
    this.slot = new Slot(byId("look-slot"), "Picture to look at", 1, () => this.looks.ask(null));
    this.looks = new Latest(
      () => this.draw(),
      (message) => {
        if (message) this.clear();
        say(byId("look-error"), message);
      },
    );
  }

  renew() {
    this.slot.renew();
  }

  show() {}

  clear() {
    byId("facts").replaceChildren();
    byId("look-picture").hidden = true;
  }

  async draw() {
    const look = await withFiles([this.slot], () => call("look", { source: this.slot.source }));
    await showPicture(byId("look-picture"), look.reconstruction, "the reconstruction");
    const bits = look.bits_per_dim;
    const bytes = bits === null ? null : Math.ceil((bits * look.dimensions) / 8);
    byId("facts").replaceChildren(
      ...fact("Bits per dimension", number(look.bits_per_dim, 3),
              `The less, the likelier; values without any pattern have ${look.num_bits}.`),
      ...detectorFacts(look.scores),
      ...fact("Reconstruction", look.difference === 0 ? "exact" : `±${look.difference}`,
              look.difference === 0
                ? `Every value comes back, in the ${look.num_bits} bits that the model has.`
                : "The largest difference of a value, of 255."),
      ...fact("As a code", `${number(bytes, 0)} bytes`,
              `What a perfect code by this model takes for ${number(look.dimensions, 0)} values.`),
      ...fact("Log-likelihood", `${number(look.log_prob, 1).replace("-", "−")} nats`, "Of the picture, all values together."),
    );
  }
}

// What is not finite arrives as null.
const number = (value, digits) =>
  value === null
    ? "not a number"
    : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

const fact = (name, value, words, ...more) => [
  make("div", { class: "fact" }, make("dt", {}, name), make("dd", {}, value), make("dd", { class: "hint" }, words, ...more)),
];

// The p-value, and all that it comes from to be opened; nothing of an export without a detector.
function detectorFacts(scores) {
  const { p_value: pValue, ...others } = scores;
  if (pValue === undefined) return [];
  const rows = Object.entries(others).map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, number(value, 3))));
  return fact("p-value", number(pValue, 3),
              "How often a picture like those that the detector was fitted on is as odd as this one.",
              make("details", {}, make("summary", {}, "All its numbers"), make("table", {}, ...rows)));
}
