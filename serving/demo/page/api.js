// Calls of the page's program.

export class CallError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }

  // Whether the same call may succeed later: the program or the model's server is away.
  get passes() {
    return this.status === 0 || this.status === 503;
  }

  // Whether an upload has been forgotten, and is to be sent again.
  get wantsUpload() {
    return this.status === 404;
  }
}

async function answer(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new CallError("The page's own program does not answer; is serving/demo.py running?", 0);
  }
  const values = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new CallError(sentence(values.error ?? `HTTP ${response.status}`), response.status);
  }
  return values;
}

// As a sentence: a capital, unless it begins with an address, and a full stop.
function sentence(text) {
  const start = /^[a-z]+[ ,]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

export const askModel = () => answer("/api/model");

export const call = (name, body) =>
  answer(`/api/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

export const upload = (file) => answer("/api/uploads", { method: "POST", body: file });
