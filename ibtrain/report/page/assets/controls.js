// The controls, and what each of them draws anew.

const PLAY_MS = 500;
const epochs = allEpochs();
let timer = null;
let isScheduled = false;

/** Draws everything that follows the controls, once before the next frame. */
function update() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    drawAll();
  });
}

function drawAll() {
  drawPlanes();
  drawCaption();
  drawTable();
  drawCurves();
}

function drawCurves() {
  drawInformation();
  drawTraining();
  drawProfiles();
}

function setEpoch(epoch) {
  moveSlider(epoch);
  update();
}

/** Moves the slider to the last epoch of a point up to this one. */
function moveSlider(epoch) {
  const index = Math.max(epochs.filter((other) => other <= epoch).length - 1, 0);
  state.epoch = epochs[index] ?? 0;
  byId("epoch").value = index;
  byId("epoch").setAttribute("aria-valuetext", `epoch ${state.epoch}`);
  byId("epoch-value").textContent = String(state.epoch);
}

function stop() {
  clearInterval(timer);
  timer = null;
  byId("play").textContent = "Play";
  byId("play").setAttribute("aria-pressed", "false");
}

/** Plays the epochs from the shown one, or from the start if that is the last one. */
function play() {
  if (timer) return stop();
  if (state.epoch >= epochs.at(-1)) setEpoch(epochs[0]);
  byId("play").textContent = "Pause";
  byId("play").setAttribute("aria-pressed", "true");
  timer = setInterval(() => {
    setEpoch(epochs[epochs.indexOf(state.epoch) + 1] ?? state.epoch);
    if (state.epoch >= epochs.at(-1)) stop();
  }, PLAY_MS);
}

/** A group of check boxes that fill a set. */
function fillChecks(id, items, set) {
  for (const { value, text } of items) {
    const label = element("label");
    const box = element("input", "", { type: "checkbox", value });
    box.checked = set.has(value);
    box.addEventListener("change", () => {
      if (box.checked) set.add(value);
      else set.delete(value);
      update();
    });
    label.append(box, ` ${text}`);
    byId(id).append(label);
  }
  byId(id).hidden = items.length < 2;
}

function fillSelect(id, items, value) {
  byId(id).append(...items.map(([key, text]) => element("option", text, { value: key })));
  byId(id).value = value;
}

/** The colours of the layers, beside the charts that are far from the legend. */
function fillSwatches() {
  for (const list of document.querySelectorAll(".swatches"))
    list.replaceChildren(...DATA.layers.map(({ name, colour }) => {
      const item = element("span");
      item.append(swatch(colour), name);
      return item;
    }));
}

function swatch(colour) {
  const spot = element("span", "", { class: "swatch" });
  spot.style.background = visible(colour);
  return spot;
}

function fillLegend() {
  fillSwatches();
  for (const { name, colour } of DATA.layers) {
    const button = element("button", "", { type: "button", "aria-pressed": String(!state.hidden.has(name)) });
    button.append(swatch(colour), name);
    button.addEventListener("click", () => {
      const isHidden = state.hidden.has(name);
      if (isHidden) state.hidden.delete(name);
      else state.hidden.add(name);
      button.setAttribute("aria-pressed", String(isHidden));
      update();
    });
    byId("layers").append(button);
  }
}

function fillControls() {
  fillSelect("measure", [...measures].map(([name, plane]) => [name, `${name} (${plane.title})`]), state.measure);
  const seeds = [...new Set(DATA.runs.flatMap((run) => run.seeds))].sort((a, b) => a - b);
  const each = seeds.length > 1 ? [["all", "every seed"], ...seeds.map((seed) => [seed, `seed ${seed}`])] : [];
  fillSelect("seed", [["mean", seeds.length > 1 ? "mean over seeds" : `seed ${seeds[0] ?? "–"}`], ...each], "mean");
  fillChecks("methods", methods.map(({ key, name }) => ({ value: key, text: name })), state.methods);
  fillChecks("runs", DATA.runs.map(({ name }, index) => ({ value: index, text: name })), state.runs);
  fillLegend();
  fillSelect("about-run", DATA.runs.map(({ name }, index) => [index, name]), 0);
  byId("about-choice").hidden = DATA.runs.length < 2;
  byId("time").hidden = epochs.length < 2;
  // runs that did not measure the plane
  for (const id of ["plane", "curves-section", "table-section", "measure-choice", "unit"]) byId(id).hidden ||= !epochs.length;
  byId("epoch").max = Math.max(epochs.length - 1, 0);
  for (const radio of document.querySelectorAll("input[name=unit]")) radio.checked = radio.value === state.unit;
}

function connectControls() {
  for (const id of ["measure", "seed"])
    byId(id).addEventListener("change", () => { state[id] = byId(id).value; update(); });
  for (const radio of document.querySelectorAll("input[name=unit]"))
    radio.addEventListener("change", () => { state.unit = radio.value; update(); });
  byId("epoch").addEventListener("input", () => { stop(); setEpoch(epochs[byId("epoch").value]); });
  byId("play").addEventListener("click", play);
  byId("about-run").addEventListener("change", drawAbout);
  byId("download-table").addEventListener("click", () => download("layers.csv", tableCsv(), "text/csv"));
  byId("download-settings").addEventListener("click", () => download("config.json", aboutRun().settings, "application/json"));
  for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copyText(button));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { byId("layers").replaceChildren(); fillLegend(); update(); });
}
