// Curves over epochs, and the profiles: linked to the slider and to the plane.

/** A filled band between two lines. */
function band(x, low, high, colour) {
  return {
    x: [...x, ...[...x].reverse()], y: [...high, ...[...low].reverse()], fill: "toself", fillcolor: translucent(colour, 0.15),
    line: { width: 0 }, mode: "lines", hoverinfo: "skip", name: "band",
  };
}

function verticalLine(x, colour) {
  return { type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line: { color: colour, width: 1.4 } };
}

/** The line of one quantity of a path. */
function informationTraces(run, index, plane, path, axis, label) {
  const factor = unitFactor(state.unit);
  const { colour } = layerStyle(path.layer);
  const x = path.epochs.map(Math.log1p);
  const [value, low, high] = ["value", "low", "high"].map((name) => axis[name].map((number) => factor * number));
  const states = path.epochs.map((_, i) => flagState(axis.flags[i] ?? []));
  const trace = {
    x, y: value, mode: "lines+markers", name: path.layer, customdata: path.epochs,
    line: { color: visible(colour), width: state.seed === "all" ? 1 : 2, dash: DASHES[index % DASHES.length] },
    marker: {
      size: states.map((name) => (name === "plain" ? 5 : 8)),
      symbol: states.map((name) => (name === "flagged" ? "x-thin" : "circle")),
      color: states.map((name) => (name === "plain" ? visible(colour) : theme().back)),
      line: { color: visible(colour), width: states.map((name) => (name === "plain" ? 0 : 2)) },
    },
    text: path.epochs.map((epoch, i) => [
      `<b>${plain(path.layer)}</b> · ${plain(origin(run, plane.method, path.seed))}`, `epoch ${epoch}`, plain(valueWords(label, axis, i)),
      ...(axis.flags[i] ?? []).flatMap((flag) => wrapped(`⚑ ${flagWords(flag)}`).map(plain)),
    ].join("<br>")),
    hovertemplate: "%{text}<extra></extra>",
  };
  return state.seed === "all" ? [trace] : [band(x, low, high, colour), trace];
}

function drawInformation() {
  const charts = [];
  const everything = shownMethods().flatMap(({ key }) => shownPlanes(key));
  const last = Math.max(...allEpochs(), 1);
  const limits = planeLimits(everything);
  const ends = planeRanges(everything, limits);
  for (const [i, axis] of ["x", "y"].entries())
    for (const { key, name } of shownMethods()) {
      const shown = shownPlanes(key);
      if (!shown.length) continue;
      const label = shown[0].plane.labels[i];
      const traces = shown.flatMap(({ run, index, plane }) =>
        shownPaths(run, plane).flatMap((path) => informationTraces(run, index, plane, path, path[axis], plane.labels[i])));
      const marks = limitMarks("y", limitNames()[i], planeLimits(shown)[i], ends[i]);
      const layout = {
        xaxis: epochAxis(last),
        yaxis: { title: { text: `${label}  [${state.unit}]`, standoff: 8 }, range: ends[i] },
        shapes: [...marks.shapes, verticalLine(Math.log1p(Math.min(state.epoch, last)), theme().soft)],
        annotations: marks.annotations,
      };
      charts.push({ id: `information-${axis}-${key}`, title: `${label}, ${name}`, traces, layout });
    }
  drawCharts("information", charts);
}

const METRICS = {
  test_accuracy: "test accuracy", train_accuracy: "training accuracy", mi_hy: "I(H; Y), batch bound (biased up)",
  mi_ty: "I(T; Y), batch bound (biased up)", mi_xt: "I(X; T), batch bound (biased up)",
  mi_hh: "I(H; H') within classes, batch bound (biased up)",
};
const KINDS = {
  accuracy: { title: "Accuracy", axis: "accuracy  [%]" },
  loss: { title: "Training loss", axis: "loss" },
  bound: { title: "Bounds of the blocks' critics", axis: "bound  [nats]" },
};
const METRIC_DASHES = { train_accuracy: "dot", mi_ty: "dash", mi_xt: "dashdot", mi_hh: "longdash" };

/** The shown curves of a kind. Dashes tell the metrics of one run apart, or several runs; then only test accuracies and losses are drawn. */
function shownCurves(kind) {
  const isOverlay = shownRuns().length > 1;
  if (isOverlay && kind === "bound") return [];
  return shownRuns().flatMap(({ run, index }) =>
    ofSeed(run, run.curves)
      .filter((curve) => curve.kind === kind && state.methods.has(curve.method) && !(isOverlay && curve.metric === "train_accuracy"))
      .map((curve) => ({ run, index, curve })));
}

function curveTraces(run, index, curve) {
  const factor = curve.kind === "accuracy" ? 100 : curve.kind === "bound" ? unitFactor(state.unit) : 1;
  const epochs = curve.value.map((_, i) => i + 1);
  const x = epochs.map((epoch) => curve.offset + epoch);
  const y = curve.value.map((value) => (value === null ? null : factor * value));
  const method = methods.find(({ key }) => key === curve.method);
  const block = [curve.stage, ...(curve.block ? [curve.block] : [])].join(", ");
  const colour = curve.kind === "bound" ? (layerStyle(curve.block || curve.stage)?.colour ?? method.colour) : method.colour;
  const metric = METRICS[curve.metric] ?? curve.metric.replaceAll("_", " ");
  const digits = curve.kind === "accuracy" ? 2 : 3;
  const trace = {
    x, y, mode: y.length === 1 ? "markers" : "lines", name: curveName(run, curve, metric), customdata: epochs,
    line: { color: visible(colour), width: curve.metric === "train_accuracy" ? 1.3 : 2, dash: METRIC_DASHES[curve.metric] ?? DASHES[index % DASHES.length] },
    text: epochs.map((epoch, i) => [
      `<b>${plain(metric)}</b> · ${plain(origin(run, curve.method, curve.seed))}`, `epoch ${epoch} of ${plain(block)}`,
      `${fixed(y[i], digits)}${curve.spread.length ? ` ± ${fixed(factor * curve.spread[i], digits)}` : ""}${curve.kind === "accuracy" ? " %" : ""}`,
    ].join("<br>")),
    hovertemplate: "%{text}<extra></extra>",
  };
  if (!curve.spread.length || curve.spread.includes(null)) return [trace];
  const spread = curve.spread.map((value) => factor * value);
  return [band(x, y.map((v, i) => v - spread[i]), y.map((v, i) => v + spread[i]), colour), trace];
}

/** A curve in the legend: bounds are of layer-wise training alone, and their colours those of the layers. */
function curveName(run, curve, metric) {
  const method = curve.kind === "bound" ? "" : `${methodName(curve.method)}, `;
  return method + metric + (shownRuns().length > 1 ? `, ${run.name}` : "");
}

/** The first trace of each name. */
function firstOfEachName(traces) {
  return [...new Map([...traces].reverse().map((trace) => [trace.name, trace])).values()].reverse();
}

/** The slider's epoch in each stage, and the names of the stages of layer-wise training. */
function stageMarks(shown) {
  const ofFirst = shown.filter(({ index }) => index === shown[0].index);
  const stages = new Map(ofFirst.map(({ curve }) => [`${curve.method} ${curve.offset}`, curve]));
  const { soft, line } = theme();
  const shapes = [];
  const annotations = [];
  for (const stage of stages.values()) {
    const isBlock = stage.method === "layerwise";
    const length = stage.value.length;
    shapes.push({ ...verticalLine(stage.offset + Math.min(state.epoch, length), soft), opacity: 0.55 });
    if (isBlock && stage.offset) shapes.push({ ...verticalLine(stage.offset + 0.5, line), line: { color: line, width: 1, dash: "dot" } });
    if (isBlock && shownRuns().length === 1)
      annotations.push({ x: stage.offset + 0.5, y: 1, yref: "paper", text: plain(stage.stage), showarrow: false, xanchor: "left", yanchor: "bottom", font: { size: 11, color: soft } });
  }
  return { shapes, annotations };
}

function drawTraining() {
  const charts = [];
  for (const [kind, { title, axis }] of Object.entries(KINDS)) {
    const shown = shownCurves(kind);
    if (!shown.length) continue;
    const hasBlocks = shown.some(({ curve }) => curve.offset > 0);
    const traces = shown.flatMap(({ run, index, curve }) => curveTraces(run, index, curve));
    const legend = firstOfEachName(traces.filter(({ name }) => name !== "band"));
    const layout = {
      xaxis: { title: { text: hasBlocks ? "epoch (through the blocks)" : "epoch", standoff: 8 } },
      yaxis: { title: { text: kind === "bound" ? `bound  [${state.unit}]` : axis, standoff: 8 } },
      ...stageMarks(shown),
    };
    charts.push({ id: `training-${kind}`, title, traces, layout, legend });
  }
  drawCharts("training", charts);
  byId("training-heading").parentElement.hidden = !charts.length;
}

/** The profile of a layer at the last point up to the shown epoch. */
function profileTraces(run, index, profile) {
  const count = countUntil(profile.epochs);
  if (!count) return [];
  const factor = unitFactor(state.unit);
  const point = profile.points[count - 1];
  const { colour } = layerStyle(profile.layer);
  const states = profile.shares.map((_, i) => flagState(point.flags[i] ?? []));
  const ends = (list, sign) => list.map((end, i) => sign * factor * (end - point.value[i]));
  return [{
    x: profile.shares, y: point.value.map((value) => factor * value), mode: "lines+markers", name: profile.layer,
    line: { color: visible(colour), width: 2, dash: DASHES[index % DASHES.length] },
    error_y: { type: "data", symmetric: false, array: ends(point.high, 1), arrayminus: ends(point.low, -1), width: 0, thickness: 1.2, color: visible(colour) },
    marker: {
      size: states.map((name) => (name === "plain" ? 5 : 8)), symbol: states.map((name) => (name === "flagged" ? "x-thin" : "circle")),
      color: states.map((name) => (name === "plain" ? visible(colour) : theme().back)), line: { color: visible(colour), width: states.map((name) => (name === "plain" ? 0 : 2)) },
    },
    text: profile.shares.map((share, i) => [
      `<b>${plain(profile.layer)}</b> · ${plain(origin(run, profile.method, profile.seed))}`, `epoch ${profile.epochs[count - 1]}, σ = ${share} × radius of h`,
      plain(valueWords(profile.quantity, { ...point, ceiling: profile.limit }, i)), ...(point.flags[i] ?? []).flatMap((flag) => wrapped(`⚑ ${flagWords(flag)}`).map(plain)),
    ].join("<br>")),
    hovertemplate: "%{text}<extra></extra>",
  }];
}

function drawProfiles() {
  const charts = [];
  const shown = shownRuns().flatMap(({ run, index }) =>
    ofSeed(run, run.profiles)
      .filter(({ method, layer }) => state.methods.has(method) && !state.hidden.has(layer))
      .map((profile) => ({ run, index, profile })));
  for (const quantity of new Set(shown.map(({ profile }) => profile.quantity)))
    for (const { key, name } of shownMethods()) {
      const group = shown.filter(({ profile }) => profile.quantity === quantity && profile.method === key);
      if (!group.length) continue;
      const limit = unitFactor(state.unit) * group[0].profile.limit;
      const marks = limitMarks("y", limitNames()[quantity === "I(X; T)" ? 0 : 1], limit, [0, 1.1 * limit]);
      const id = `profile-${quantity === "I(X; T)" ? "x" : "y"}-${key}`;
      const traces = group.flatMap(({ run, index, profile }) => profileTraces(run, index, profile));
      const layout = {
        xaxis: { type: "log", title: { text: "σ / radius of h", standoff: 8 }, tickvals: group[0].profile.shares },
        yaxis: { title: { text: `${quantity}  [${state.unit}]`, standoff: 8 }, range: [-0.04 * limit, 1.12 * limit] },
        ...marks,
      };
      charts.push({ id, title: `${quantity}, ${name}`, traces, layout });
    }
  drawCharts("profiles", charts);
  byId("profiles-section").hidden = !charts.length;
}
