// What several tabs need to know: the model, and how samples are drawn.

import { byId } from "./dom.js";

export const settings = {
  model: null,
  get temperature() {
    return Number(byId("temperature").value);
  },
};

export const randomSeed = () => Math.floor(Math.random() * 1_000_000);

// A source of the sample with a seed; with a class exactly if the model has classes.
export function sampleSource(seed, label = 0) {
  const source = { seed, temperature: settings.temperature };
  if (settings.model.classes !== null) source.label = label;
  return source;
}

export function describe(source, name) {
  const parts =
    source.upload === undefined
      ? [`seed ${source.seed}`, `temperature ${source.temperature}`]
      : [name];
  if (source.label !== undefined) parts.push(`class ${source.label}`);
  return parts.join(" · ");
}

// The options of a <select> of classes.
export function fillClasses(select) {
  const { classes } = settings.model;
  const before = select.value;
  select.replaceChildren(
    ...Array.from({ length: classes ?? 0 }, (_, label) => new Option(String(label))),
  );
  if (before && Number(before) < classes) select.value = before;
}
