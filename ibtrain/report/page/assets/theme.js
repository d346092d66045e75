// Colours and symbols of the charts.

const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const SATURATED = ["above_ceiling", "above_label_entropy"];

/** The colours of the page, which follow the light or dark scheme. */
function theme() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return { back: colour("back"), text: colour("text"), soft: colour("soft"), grid: colour("grid"), line: colour("line") };
}

function isDark() {
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function parts(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}

/** A layer's or a method's colour; the darkest ones are light on a dark page. */
function visible(colour) {
  const isBlack = Math.max(...parts(colour)) < 0x70;
  return isDark() && isBlack ? (colour === "#000000" ? "#f2f2f2" : "#a8a8a8") : colour;
}

/** A colour between one near the page's and the colour itself. */
function shade(colour, share) {
  const lightest = isDark() ? 0.5 : 0.3;
  const weight = lightest + (1 - lightest) * share;
  const back = parts(theme().back);
  return `rgb(${parts(visible(colour)).map((part, i) => Math.round(weight * part + (1 - weight) * back[i])).join(",")})`;
}

function translucent(colour, opacity) {
  return `rgba(${parts(visible(colour)).join(",")},${opacity})`;
}

/** "plain" without flags, "saturated" at a limit, else "flagged". */
function flagState(flags) {
  if (!flags.length) return "plain";
  return flags.every((flag) => SATURATED.includes(flag)) ? "saturated" : "flagged";
}

/** A flag in words. */
function flagWords(flag) {
  return DATA.flags[flag] ?? flag;
}
