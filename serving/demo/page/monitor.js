// Asks now and then what is served: whether the server is there, and whether it is another version.

import { askModel } from "./api.js";

const WHILE_THERE = 2000;
const WHILE_AWAY = 1000;
const LONG = 10_000;

// `found(model)` hears of a version that is new to the page, `tell(message)` why there is none, or
// null. Whoever waits for the server hears the event `back`.
export async function monitor(found, tell) {
  let token = null;
  let away = false;
  for (;;) {
    let delay = WHILE_THERE;
    if (!document.hidden) {
      const late = setTimeout(
        () => tell(`The model's server has not answered for ${LONG / 1000} seconds.`),
        LONG,
      );
      try {
        const model = await askModel();
        tell(null);
        if (away) window.dispatchEvent(new Event("back"));
        away = false;
        if (model.token !== token) {
          token = model.token;
          found(model);
        }
      } catch (error) {
        tell(error.message);
        away = true;
        delay = WHILE_AWAY;
      } finally {
        clearTimeout(late);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}
