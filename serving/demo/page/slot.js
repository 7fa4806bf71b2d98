// A place for a picture: a sample, or a file that is dropped or chosen.

import { call, CallError, upload } from "./api.js";
import { make, say, showPicture } from "./dom.js";
import { Latest } from "./latest.js";
import { describe, fillClasses, randomSeed, sampleSource, settings } from "./settings.js";

export class Slot {
  // `changed()` hears of every new picture; `seed` is that of the first one.
  constructor(parent, title, seed, changed) {
    this.changed = changed;
    this.seed = seed;
    this.source = null;
    this.file = null;
    // What is to be shown: `{source}` or `{file}`.
    this.wanted = null;
    this.shown = null;
    this.loads = new Latest(
      (request) => this.load(request),
      (message) => say(this.error, message),
    );

    this.image = make("img", { hidden: true, alt: "" });
    this.frame = make("div", { class: "frame drop" }, this.image, make("span", {}, "Drop a picture here"));
    this.caption = make("figcaption", {});
    this.note = make("p", { class: "hint", hidden: true });
    this.error = make("p", { class: "error", role: "alert", hidden: true });
    this.input = make("input", {
      type: "file",
      accept: "image/*",
      class: "hidden",
      "aria-label": `${title}: a picture file`,
      change: () => {
        if (this.input.files.length) this.take(this.input.files[0]);
        this.input.value = "";
      },
    });
    this.label = make("select", { "aria-label": `${title}: class`, change: () => this.relabel() });
    this.labelRow = make("label", { class: "inline", hidden: true }, "Class ", this.label);
    parent.append(
      make(
        "figure",
        { class: "slot" },
        this.frame,
        this.caption,
        make(
          "div",
          { class: "row" },
          make("label", { class: "button" }, "Choose a file", this.input),
          make("button", { type: "button", click: () => this.draw(randomSeed()) }, "New sample"),
          this.labelRow,
        ),
        this.note,
        this.error,
      ),
    );
    this.listen();
  }

  listen() {
    const over = (event) => {
      event.preventDefault();
      this.frame.classList.add("over");
    };
    this.frame.addEventListener("dragenter", over);
    this.frame.addEventListener("dragover", over);
    this.frame.addEventListener("dragleave", () => this.frame.classList.remove("over"));
    this.frame.addEventListener("drop", (event) => {
      event.preventDefault();
      this.frame.classList.remove("over");
      const [file] = event.dataTransfer.files;
      if (file) this.take(file);
      else this.refuse("That was no file: save the picture first, then drop its file here.");
    });
  }

  // Another model, or another version: what is shown is made again by it.
  renew() {
    const { classes } = settings.model;
    this.labelRow.hidden = classes === null;
    if (classes !== null) fillClasses(this.label);
    if (this.wanted?.file) this.want(this.wanted);
    else this.draw(this.wanted?.source.seed ?? this.seed, this.wanted?.source.temperature);
  }

  // The sample of a seed.
  draw(seed, temperature) {
    const source = sampleSource(seed, Number(this.label.value));
    if (temperature !== undefined) source.temperature = temperature;
    this.put(source);
  }

  // A sample that was chosen elsewhere.
  put(source) {
    if (source.label !== undefined) this.label.value = String(source.label);
    this.want({ source });
  }

  // A file.
  take(file) {
    const most = settings.model?.max_upload_bytes;
    if (file.size > most) {
      this.refuse(`${file.name} has ${size(file.size)}, at most ${size(most)} are taken.`);
      return;
    }
    this.want({ file });
  }

  // The class has changed: of a sample another picture, of a file another latent.
  relabel() {
    if (this.wanted?.file) this.want(this.wanted);
    else if (this.wanted) this.draw(this.wanted.source.seed, this.wanted.source.temperature);
  }

  // Says why what came last is not taken: after what is under way, which clears what is said.
  refuse(reason) {
    this.loads.ask({ reason });
  }

  want(wanted) {
    this.wanted = wanted;
    this.loads.ask(wanted);
  }

  async load({ source, file, reason }) {
    if (reason) {
      this.wanted = this.shown;
      throw new CallError(reason, 400);
    }
    let note = null;
    let png;
    if (file) {
      const taken = await upload(file).catch((error) => {
        if (error.passes) throw error;
        if (this.wanted?.file === file) this.wanted = this.shown;
        throw new CallError(`${file.name}: ${error.message}`, error.status);
      });
      source = { upload: taken.upload };
      if (settings.model.classes !== null) source.label = Number(this.label.value);
      png = taken.png;
      note = fitting(taken);
    } else {
      ({ png } = await call("picture", { source }));
    }
    this.source = source;
    this.file = file ?? null;
    this.shown = file ? { file } : { source };
    const text = describe(source, file?.name);
    this.caption.textContent = text;
    say(this.note, note);
    this.frame.classList.add("filled");
    await showPicture(this.image, png, text);
    this.changed();
  }

  // Sends a file again that the page's program has forgotten.
  async again() {
    if (this.file) await upload(this.file);
  }
}

// Runs `work`, and once more if the program has forgotten the files in `slots`.
export async function withFiles(slots, work) {
  try {
    return await work();
  } catch (error) {
    if (!error.wantsUpload) throw error;
    for (const slot of slots) await slot.again();
    return work();
  }
}

function fitting({ width, height, first_of_several: several }) {
  const [rows, columns] = settings.model.image_shape;
  const notes = [];
  if (width !== columns || height !== rows) {
    notes.push(`Fitted from ${width} × ${height} to ${columns} × ${rows} pixels.`);
  }
  if (several) notes.push("Of several frames or pages the first is taken.");
  return notes.join(" ") || null;
}

const size = (bytes) =>
  bytes < 1 << 20 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / (1 << 20)).toFixed(1)} MB`;
