// What all charts have in common.

// A chart that is added or removed changes the width of the others.
const resizes = new ResizeObserver((entries) => {
  for (const { target } of entries) if (target.data) Plotly.Plots.resize(target);
});

/** Makes the elements of a group of charts, which must exist before the first is drawn, and removes those of earlier ones. */
function arrange(parent, charts) {
  const ids = charts.map(({ id }) => id);
  for (const box of [...byId(parent).children]) {
    if (ids.includes(box.id)) continue;
    resizes.unobserve(box.lastChild);
    Plotly.purge(box.lastChild);
    box.remove();
  }
  for (const [index, { id, title }] of charts.entries()) {
    const box = byId(id) ?? chartElement(id);
    box.firstChild.textContent = title;
    box.lastChild.setAttribute("aria-label", `${title}: the last values are in the table of layers`);
    if (byId(parent).children[index] !== box) byId(parent).insertBefore(box, byId(parent).children[index] ?? null);
  }
}

function chartElement(id) {
  const box = element("div", "", { class: "chart", id });
  box.append(element("h3"), element("p", "", { class: "swatches" }), element("div", "", { class: "plot", role: "img" }));
  resizes.observe(box.lastChild);
  return box;
}

/** A line of a chart's legend. */
function legendItem({ name, line }) {
  const lengths = { solid: "", dash: "9 5", dot: "2 4", dashdot: "9 4 2 4" };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const stroke = document.createElementNS("http://www.w3.org/2000/svg", "line");
  const attributes = { x1: 0, x2: "100%", y1: "50%", y2: "50%", stroke: line.color, "stroke-width": 2, "stroke-dasharray": lengths[line.dash] ?? "14 4" };
  for (const [key, value] of Object.entries(attributes)) stroke.setAttribute(key, value);
  svg.append(stroke);
  const item = element("span");
  item.append(svg, name);
  return item;
}

/** Draws a group of charts: `{id, title, traces, layout, legend}`, the last a list of traces. A click on a point that has an epoch moves the slider there. */
function drawCharts(parent, charts) {
  arrange(parent, charts);
  for (const { id, traces, layout, legend = [] } of charts) {
    const plot = byId(id).lastChild;
    plot.previousSibling.replaceChildren(...legend.map(legendItem));
    const isNew = !plot.data;
    Plotly.react(plot, traces, merged(baseLayout(), layout), {
      displaylogo: false,
      // none of these buttons opens another site
      modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
      toImageButtonOptions: { format: "svg", filename: id },
    });
    if (isNew)
      plot.on("plotly_click", ({ points }) => {
        if (points[0].customdata !== undefined) setEpoch(points[0].customdata);
      });
  }
}

function baseLayout() {
  const { text, back, grid, line } = theme();
  const axis = { gridcolor: grid, linecolor: line, zeroline: false, showline: true, automargin: true, ticks: "outside", tickcolor: line };
  return {
    font: { family: "system-ui, -apple-system, Segoe UI, Roboto, DejaVu Sans, sans-serif", size: 13, color: text },
    paper_bgcolor: back,
    plot_bgcolor: back,
    margin: { l: 58, r: 18, t: 28, b: 48 },
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

/** A limit as a dotted line, or its value at the edge if it is beyond it, with an arrow towards it: shapes and annotations. */
function limitMarks(axis, name, value, ends) {
  if (value === null) return { shapes: [], annotations: [] };
  const { soft } = theme();
  const isX = axis === "x";
  const isInside = value >= ends[0] && value <= ends[1];
  const isAbove = value > ends[1];
  const words = `${name} = ${fixed(value)}`;
  const edge = isAbove ? 1 : 0;
  const place = isX
    ? { x: isInside ? value : edge, xref: isInside ? "x" : "paper", y: 0.02, yref: "paper", textangle: -90, xanchor: isInside || isAbove ? "right" : "left", yanchor: "bottom" }
    : { y: isInside ? value : edge, yref: isInside ? "y" : "paper", x: 0.01, xref: "paper", xanchor: "left", yanchor: isAbove ? "top" : "bottom" };
  // the text of the x-axis is rotated: its arrows point to the right and to the left
  const arrow = isX === isAbove ? " ↓" : " ↑";
  const line = isX
    ? { x0: value, x1: value, y0: 0, y1: 1, yref: "paper" }
    : { y0: value, y1: value, x0: 0, x1: 1, xref: "paper" };
  return {
    shapes: isInside ? [{ type: "line", layer: "below", line: { dash: "dot", width: 1.2, color: soft }, ...line }] : [],
    annotations: [{ ...place, text: words + (isInside ? "" : arrow), showarrow: false, font: { size: 12, color: soft } }],
  };
}
