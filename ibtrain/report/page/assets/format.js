// Numbers, words and small pieces of the page.

const LN2 = Math.log(2);

/** The factor from nats to the shown unit. */
function unitFactor(unit) {
  return unit === "bits" ? 1 / LN2 : 1;
}

/** A number with some digits after the point; a dash for one that does not exist. */
function fixed(value, digits = 2) {
  return value === null || value === undefined ? "–" : value.toFixed(digits).replace(/^-(?=0\.?0*$)/, "");
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard deviation of a sample. */
function deviation(values) {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

/** Mean and, of several values, standard deviation. */
function spread(values, digits) {
  const known = values.filter((value) => value !== null);
  if (!known.length) return "–";
  const text = fixed(mean(known), digits);
  return known.length > 1 ? `${text} ± ${fixed(deviation(known), digits)}` : text;
}

/** A text in which plotly finds no markup. */
function plain(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** A text whose lines are at most about as long as this. */
function wrapped(text, longest = 52) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if (lines.at(-1) && lines.at(-1).length + word.length > longest) lines.push("");
    lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
  }
  return lines;
}

/** A new element with a text, classes and attributes. Texts are never read as HTML. */
function element(tag, text = "", attributes = {}) {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function byId(id) {
  return document.getElementById(id);
}

/** Offers a text as a file. */
function download(name, text, type) {
  const link = element("a", "", { download: name });
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Rows as CSV (RFC 4180); a text that a spreadsheet would read as a formula begins with an apostrophe. */
function csv(rows) {
  const cell = (value) => {
    const isNumber = typeof value === "number";
    const text = value === null || value === undefined ? "" : String(value);
    const safe = !isNumber && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  return rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
}
