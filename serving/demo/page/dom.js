// Elements, made without HTML: text stays text.

export const byId = (id) => document.getElementById(id);

// An element with attributes, properties that are functions as listeners, and children.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Shows a sentence, or hides its place.
export function say(element, text) {
  element.textContent = text ?? "";
  element.hidden = !text;
}

export const pngUrl = (png) => `data:image/png;base64,${png}`;

// Puts a picture into an <img>, once the browser has it: no flicker between two.
export async function showPicture(image, png, alt) {
  image.src = pngUrl(png);
  image.alt = alt;
  image.hidden = false;
  await image.decode().catch(() => {});
}
