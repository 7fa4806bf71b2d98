// The tab Between: pictures on the path from one to another.

import { call } from "./api.js";
import { byId, make, pngUrl, say, showPicture } from "./dom.js";
import { Latest } from "./latest.js";
import { Slot, withFiles } from "./slot.js";

const STEPS = 9;

export class BetweenTab {
  constructor() {
    this.first = new Slot(byId("between-first"), "First picture", 1, () => this.changed());
    this.second = new Slot(byId("between-second"), "Second picture", 2, () => this.changed());
    const tell = (message) => say(byId("between-error"), message);
    this.pictures = new Latest((position) => this.draw(position), tell);
    this.strips = new Latest((_, isOld) => this.drawStrip(isOld), tell);
    this.position = byId("position");
    this.position.addEventListener("input", () => this.ask());
    for (const radio of this.paths()) radio.addEventListener("change", () => this.changed());
  }

  renew() {
    this.first.renew();
    this.second.renew();
  }

  show() {}

  paths() {
    return [...document.getElementsByName("path")];
  }

  path() {
    return this.paths().find((radio) => radio.checked).value;
  }

  changed() {
    if (!this.first.source || !this.second.source) return;
    this.ask();
    this.strips.ask(null);
  }

  ask() {
    const position = Number(this.position.value);
    byId("position-value").textContent = position.toFixed(2);
    if (this.first.source && this.second.source) this.pictures.ask(position);
  }

  at(position) {
    return withFiles([this.first, this.second], () =>
      call("between", {
        first: this.first.source,
        second: this.second.source,
        position,
        path: this.path(),
      }),
    );
  }

  async draw(position) {
    const { png } = await this.at(position);
    const text = `${position.toFixed(2)} of the way, ${this.path()}`;
    await showPicture(byId("between-picture"), png, text);
    byId("between-caption").textContent = text;
  }

  async drawStrip(isOld) {
    for (let step = 0; step < STEPS && !isOld(); step++) {
      // The slider comes first.
      await this.pictures.rest;
      if (isOld()) return;
      const position = step / (STEPS - 1);
      const { png } = await this.at(position);
      const tile = make(
        "button",
        { type: "button", class: "tile", click: () => this.jump(position) },
        make("img", { src: pngUrl(png), alt: `${position.toFixed(2)} of the way` }),
      );
      const old = byId("strip").children[step];
      if (old) old.replaceWith(tile);
      else byId("strip").append(tile);
    }
  }

  jump(position) {
    this.position.value = position;
    this.ask();
  }
}
