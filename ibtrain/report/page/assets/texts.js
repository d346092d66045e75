// Titles, captions, and how the runs were made.

function drawTitles() {
  const { runs } = DATA;
  byId("title").textContent = runs.length > 1 ? `${runs.length} runs` : runs[0].name;
  const datasets = [...new Set(runs.map(({ dataset }) => dataset))].join(", ");
  const unfinished = runs.filter(({ is_finished }) => !is_finished).map(({ name }) => name);
  const parts = [`data: ${datasets}`, `methods: ${methods.map(({ name }) => name).join(", ") || "–"}`];
  if (runs.length > 1) parts.push(`runs: ${runs.map(({ name }) => name).join(", ")}`);
  else parts.push(`seeds: ${runs[0].seeds.join(", ") || "–"}`);
  if (unfinished.length) parts.push(`not finished: ${unfinished.join(", ")}`);
  byId("subtitle").textContent = parts.join(" · ");
  byId("footer").textContent = `Made by ibtrain ${DATA.version}. This file needs no network; charts by plotly.js (MIT licence).`;
}

/** The captions of the shown runs, each said once. */
function drawCaption() {
  const kind = state.seed === "mean" ? "mean" : "all";
  const groups = new Map();
  for (const { run } of shownRuns()) groups.set(run.caption[kind], [...(groups.get(run.caption[kind]) ?? []), run.name]);
  const lines = [...groups].filter(([text]) => text);
  byId("caption").textContent = lines.map(([text, names]) => (lines.length > 1 ? `${names.join(", ")}: ${text}` : text)).join("\n");
}

function aboutRun() {
  return DATA.runs[Number(byId("about-run").value)];
}

function drawAbout() {
  const run = aboutRun();
  for (const [id, text] of [["methods-text", run.methods_text], ["bibtex", run.bibtex], ["repeat", run.repeat], ["command", run.command]])
    byId(id).textContent = text;
  byId("command-note").hidden = byId("command-box").hidden = !run.command;
  fillTable("config", ["setting", "value"], run.config);
  fillTable("environment", ["name", "value"], run.environment);
}

/** Copies the text of an element; where the clipboard is closed, selects it. */
async function copyText(button) {
  const source = byId(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  } catch {
    getSelection().selectAllChildren(source);
    button.textContent = "Selected";
  }
}
