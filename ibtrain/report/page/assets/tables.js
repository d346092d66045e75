// The tables of results, layers, parameters and differences.

/** Fills a table with a heading and rows of texts; numbers are aligned to the right. */
function fillTable(id, headings, rows) {
  const head = element("thead");
  const line = element("tr");
  line.append(...headings.map((text) => element("th", text, { scope: "col" })));
  head.append(line);
  const body = element("tbody");
  for (const row of rows) {
    const tr = element("tr");
    tr.append(...row.map((text) => element("td", text)));
    body.append(tr);
  }
  byId(id).replaceChildren(head, body);
}

function drawSummary() {
  const several = DATA.runs.length > 1;
  const rows = DATA.runs.flatMap((run) =>
    run.summary.map((part) => [
      ...(several ? [run.name] : []), methodName(part.method), spread(part.test.map((value) => value && 100 * value), 2),
      spread(part.train.map((value) => value && 100 * value), 2), spread(part.seconds, 1), String(part.seeds.length),
    ]));
  fillTable("summary", [...(several ? ["run"] : []), "method", "test accuracy %", "train accuracy %", "training s", "seeds"], rows);
  if (!rows.length) byId("summary").replaceChildren(element("caption", "No training is finished yet."));
}

const sorting = { column: null, isDescending: false };

/** The rows of the table of layers that are shown. */
function layerRows() {
  return shownRuns().flatMap(({ run }) =>
    ofSeed(run, run.table)
      .filter(({ method, layer }) => state.methods.has(method) && !state.hidden.has(layer))
      .map((row) => ({ run, ...row })));
}

/** Factor of a column's values: its unit, or percent. */
function columnFactor({ unit }) {
  return unit === "%" ? 100 : unit === "nats" ? unitFactor(state.unit) : 1;
}

/** The columns of the table: how each is named, sorted and written. */
function layerColumns(rows) {
  const text = (heading, value) => ({ heading, value, write: value });
  const named = [
    ...(DATA.runs.length > 1 ? [text("run", ({ run }) => run.name)] : []),
    text("method", ({ method }) => methodName(method)),
    text("layer", ({ layer }) => layer),
    text("seed", ({ seed, run }) => (seed === null ? (run.seeds.length > 1 ? "mean" : String(run.seeds[0])) : String(seed))),
    { heading: "epoch", value: ({ epoch }) => epoch, write: ({ epoch }) => String(epoch) },
  ];
  const measured = DATA.columns.filter(({ name }) => rows.some(({ cells }) => cells[name])).map((column) => {
    const factor = columnFactor(column);
    const value = ({ cells }) => (cells[column.name] ? factor * cells[column.name][0] : null);
    const write = ({ cells }) => {
      const cell = cells[column.name];
      if (!cell) return "–";
      const digits = column.unit === "count" ? 0 : 2;
      const error = cell[1] === null ? "" : ` ± ${fixed(factor * cell[1], digits)}`;
      return fixed(factor * cell[0], digits) + error + (cell[3].length ? " *" : "");
    };
    return { heading: column.heading, column, value, write, isNumber: true };
  });
  const flags = { heading: "flags (*)", value: rowFlags, write: rowFlags, isWords: true };
  return [...named, ...measured, ...(rows.some((row) => rowFlags(row)) ? [flags] : [])];
}

/** Every flag of a row, with the heading of its value. */
function rowFlags({ cells }) {
  return DATA.columns
    .filter(({ name }) => cells[name]?.[3].length)
    .map(({ name, heading }) => `${heading}: ${cells[name][3].join(", ")}`)
    .join("; ");
}

/** The rows in the chosen order; those without a value are last. */
function sortedRows(rows, columns) {
  const column = columns.find(({ heading }) => heading === sorting.column);
  if (!column) return rows;
  const sign = sorting.isDescending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [first, second] = [column.value(a), column.value(b)];
    if (first === null || second === null) return (first === null) - (second === null);
    return sign * (typeof first === "number" ? first - second : first.localeCompare(second, "en", { numeric: true }));
  });
}

function headingCell({ heading }) {
  const cell = element("th", "", { scope: "col" });
  const button = element("button", heading, { type: "button" });
  if (sorting.column === heading) cell.setAttribute("aria-sort", sorting.isDescending ? "descending" : "ascending");
  button.addEventListener("click", () => {
    sorting.isDescending = sorting.column === heading && !sorting.isDescending;
    sorting.column = heading;
    drawTable();
    [...byId("table").querySelectorAll("th button")].find((other) => other.textContent === heading)?.focus();
  });
  cell.append(button);
  return cell;
}

function drawTable() {
  const rows = layerRows();
  const columns = layerColumns(rows);
  const line = element("tr");
  line.append(...columns.map(headingCell));
  const head = element("thead");
  head.append(line);
  const body = element("tbody");
  for (const row of sortedRows(rows, columns)) {
    const tr = element("tr");
    for (const column of columns) {
      const cell = element("td", column.write(row), { class: column.isNumber ? "number" : column.isWords ? "words" : "" });
      const flags = column.isNumber ? (row.cells[column.column.name]?.[3] ?? []) : [];
      if (flags.length) cell.title = flags.map((flag) => `${flag}: ${flagWords(flag)}`).join("\n");
      tr.append(cell);
    }
    body.append(tr);
  }
  byId("table").replaceChildren(head, body);
  byId("table-note").textContent =
    `Information in ${state.unit}; ± standard error or, of a mean over seeds, standard deviation. A heading sorts the table.`;
}

/** The shown rows with all digits, and the error, ceiling and flags of each value in columns of their own. */
function tableCsv() {
  const rows = layerRows();
  const shown = layerColumns(rows);
  const named = shown.filter(({ column, isWords }) => !column && !isWords);
  const measured = shown.filter(({ column }) => column).map(({ column }) => column);
  const heading = [...named.map((column) => column.heading),
    ...measured.flatMap(({ name, unit }) => [
      `${name}${unit === "nats" ? ` [${state.unit}]` : unit === "%" ? " [%]" : ""}`, `${name}_error`, `${name}_ceiling`, `${name}_flags`])];
  const scaled = (value, factor) => (value === null ? null : Number((factor * value).toPrecision(6)));
  const lines = sortedRows(rows, shown).map((row) => [
    ...named.map((column) => column.value(row)),
    ...measured.flatMap((column) => {
      const cell = row.cells[column.name];
      const factor = columnFactor(column);
      return cell ? [...cell.slice(0, 3).map((value) => scaled(value, factor)), cell[3].join(" ")] : [null, null, null, null];
    }),
  ]);
  return csv([heading, ...lines]);
}

/** "+0.56 [-0.83, 1.94]" */
function intervalWords({ value, low, high }) {
  const sign = value > 0 ? "+" : "";
  return low === null ? `${sign}${fixed(value)} (no interval)` : `${sign}${fixed(value)} [${fixed(low)}, ${fixed(high)}]`;
}

function drawDifferences() {
  byId("differences-section").hidden = !DATA.differences.length;
  const rows = DATA.differences.map((row) => [`${row.first} − ${row.second}`, row.where, intervalWords(row), row.p, row.kind, row.seeds, row.verdict]);
  fillTable("differences", ["difference", "of", "percentage points [95 % interval]", "p", "seeds are", "number of seeds", "verdict"], rows);
}

function drawParameters() {
  byId("parameters-section").hidden = DATA.runs.length < 2;
  const headings = ["parameter", ...DATA.runs.map(({ name }) => name)];
  const differing = DATA.parameters.filter(({ differs }) => differs);
  fillTable("parameters", headings, differing.map(({ name, values }) => [name, ...values]));
  if (!differing.length) byId("parameters").replaceChildren(element("caption", "All parameters are the same."));
  const shared = DATA.parameters.filter(({ differs }) => !differs);
  fillTable("shared-parameters", ["parameter", "value"], shared.map(({ name, values }) => [name, values[0]]));
}
