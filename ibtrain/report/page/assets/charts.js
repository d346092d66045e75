// What all charts have in common.

/** The element of a chart with a heading, made when it is first asked for. */
function chartElement(parent, id, title) {
  let box = byId(id);
  if (!box) {
    box = element("div", "", { class: "chart", id });
    box.append(element("h3"), element("div", "", { class: "plot", role: "img" }));
    byId(parent).append(box);
  }
  box.firstChild.textContent = title;
  box.lastChild.setAttribute("aria-label", `${title}: the values are in the table of layers`);
  return box;
}

/** Removes the charts of a group that are not shown any more. */
function keepCharts(parent, ids) {
  for (const box of [...byId(parent).children]) {
    if (!ids.includes(box.id)) {
      Plotly.purge(box.lastChild);
      box.remove();
    }
  }
}

/** Draws a chart anew, or changes it. */
function draw(parent, id, title, traces, layout) {
  const plot = chartElement(parent, id, title).lastChild;
  Plotly.react(plot, traces, merged(baseLayout(), layout), {
    displaylogo: false,
    responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    toImageButtonOptions: { format: "svg", filename: id },
  });
  return plot;
}

function baseLayout() {
  const { text, back, grid, line } = theme();
  const axis = { gridcolor: grid, linecolor: line, zeroline: false, showline: true, automargin: true, ticks: "outside", tickcolor: line };
  return {
    font: { family: "system-ui, -apple-system, Segoe UI, Roboto, DejaVu Sans, sans-serif", size: 13, color: text },
    paper_bgcolor: back,
    plot_bgcolor: back,
    margin: { l: 58, r: 18, t: 12, b: 48 },
    showlegend: false,
    hovermode: "closest",
    hoverlabel: { align: "left", bgcolor: back, bordercolor: line, font: { color: text, size: 13 } },
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    xaxis: axis,
    yaxis: axis,
    uirevision: `${state.measure} ${state.unit}`,
  };
}

function merged(base, extra) {
  const result = { ...base, ...extra };
  for (const axis of ["xaxis", "yaxis"]) result[axis] = { ...base[axis], ...extra[axis] };
  return result;
}

/** An axis over epochs with 0, as log(1 + epoch). */
function epochAxis(last) {
  const decades = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000];
  const ticks = [...decades.filter((tick) => 1.3 * tick < last), last];
  return {
    title: { text: "epoch", standoff: 8 },
    tickvals: ticks.map(Math.log1p),
    ticktext: ticks.map(String),
    range: [-0.08, Math.log1p(last) * 1.04 + 0.05],
  };
}

/** The range of an axis: it follows the values, and includes a limit only if it is near. */
function range(values, limit) {
  let low = Math.min(...values);
  let high = Math.max(...values);
  const missing = Math.max(0.2 - (high - low), 0);
  low -= missing / 2;
  high += missing / 2;
  if (limit !== null && high < limit && limit <= high + 0.25 * (high - low)) high = limit;
  const margin = 0.08 * (high - low);
  return [low - margin, high + margin * (limit !== null && limit <= high ? 2 : 1)];
}

/** A limit as a dotted line, or its value at the edge if it is beyond it: shapes and annotations. */
function limitMarks(axis, name, value, ends) {
  if (value === null) return { shapes: [], annotations: [] };
  const { soft } = theme();
  const isX = axis === "x";
  const isInside = value <= ends[1];
  const words = `${name} = ${fixed(value)}`;
  const place = isX
    ? { x: isInside ? value : 1, xref: isInside ? "x" : "paper", y: 0.02, yref: "paper", textangle: -90, xanchor: "right", yanchor: "bottom" }
    : { y: isInside ? value : 1, yref: isInside ? "y" : "paper", x: 0.01, xref: "paper", xanchor: "left", yanchor: isInside ? "bottom" : "top" };
  const arrow = isX ? " ↓" : " ↑";
  const line = isX
    ? { x0: value, x1: value, y0: 0, y1: 1, yref: "paper" }
    : { y0: value, y1: value, x0: 0, x1: 1, xref: "paper" };
  return {
    shapes: isInside ? [{ type: "line", layer: "below", line: { dash: "dot", width: 1.2, color: soft }, ...line }] : [],
    annotations: [{ ...place, text: words + (isInside ? "" : arrow), showarrow: false, font: { size: 12, color: soft } }],
  };
}
