// The information plane: a chart for each method, in which runs are overlaid.

/** Names of the limits of both axes. */
function limitNames() {
  return state.unit === "bits" ? ["log2 N", "H(Y)"] : ["ln N", "H(Y)"];
}

/** "I(X; T) = 5.17 ± 0.02 nats (at most 5.88)" */
function valueWords(label, axis, index) {
  const factor = unitFactor(state.unit);
  const error = (factor * (axis.high[index] - axis.low[index])) / 2;
  const ceiling = axis.ceiling === null ? "" : ` (at most ${fixed(factor * axis.ceiling)})`;
  return `${label} = ${fixed(factor * axis.value[index])} ± ${fixed(error)} ${state.unit}${ceiling}`;
}

/** The flags of both values of a point. */
function pointFlags(path, index) {
  return [...new Set([...(path.x.flags[index] ?? []), ...(path.y.flags[index] ?? [])])];
}

/** What a point says when it is pointed at, with its flags in words. */
function hoverText(run, plane, path, index) {
  const lines = [
    `<b>${plain(path.layer)}</b> · ${plain(origin(run, plane.method, path.seed))}`,
    `epoch ${path.epochs[index]}`,
    plain(valueWords(plane.labels[0], path.x, index)),
    plain(valueWords(plane.labels[1], path.y, index)),
  ];
  for (const [label, axis] of [[plane.labels[0], path.x], [plane.labels[1], path.y]])
    for (const flag of axis.flags[index] ?? [])
      lines.push(...wrapped(`⚑ ${label}: ${flagWords(flag)}`).map(plain));
  if (path.audits.some(([audit]) => audit === index)) lines.push("+ a fresh critic found more");
  if (index === path.epochs.length - 1 && path.below.some(Boolean))
    lines.push(`▸ lower bound, significantly below the exact value: ${plane.labels.filter((_, i) => path.below[i]).join(", ")}`);
  return lines.join("<br>");
}

/** Colours, symbols and sizes of the points of a path. */
function pointMarkers(path, count, style, share) {
  const { back, text } = theme();
  const marker = { symbol: [], size: [], color: [], opacity: 1, line: { color: [], width: [] } };
  for (let i = 0; i < count; i += 1) {
    const isEnd = i === count - 1;
    const flags = flagState(pointFlags(path, i));
    const colour = shade(style.colour, share(path.epochs[i]));
    marker.symbol.push(isEnd ? style.symbol : flags === "flagged" ? "x-thin" : "circle");
    marker.size.push(isEnd ? 13 : flags === "plain" ? 6 : 8);
    marker.color.push(flags === "plain" ? colour : back);
    marker.line.color.push(isEnd && flags === "plain" ? text : colour);
    marker.line.width.push(flags === "plain" ? (isEnd ? 1 : 0) : 2);
  }
  return marker;
}

/** The bars of the last point alone. */
function endBars(axis, count, factor, colour) {
  const last = count - 1;
  const ends = (list, sign) => list.map((end, i) => (i === last ? sign * factor * (end - axis.value[i]) : 0));
  return {
    type: "data", symmetric: false, array: ends(axis.high, 1), arrayminus: ends(axis.low, -1), color: colour, thickness: 1.3, width: 0,
  };
}

/** The traces of a path: its line and points, three strokes at its start, and what marks its end. */
function pathTraces(run, runIndex, plane, path, share, isThin) {
  const count = countUntil(path.epochs);
  if (!count) return [];
  const factor = unitFactor(state.unit);
  const style = layerStyle(path.layer);
  const colour = visible(style.colour);
  const [x, y] = [path.x, path.y].map((axis) => axis.value.slice(0, count).map((value) => factor * value));
  const silent = { x, y, hoverinfo: "skip" };
  const dash = DASHES[runIndex % DASHES.length];
  const traces = [
    {
      x, y, mode: "lines+markers", name: path.layer,
      line: { color: translucent(style.colour, isDark() ? 0.85 : 0.65), width: isThin ? 1 : 2, dash },
      marker: pointMarkers(path, count, style, share),
      error_x: endBars(path.x, count, factor, colour), error_y: endBars(path.y, count, factor, colour),
      customdata: path.epochs.slice(0, count),
      text: path.epochs.slice(0, count).map((_, i) => hoverText(run, plane, path, i)),
      hovertemplate: "%{text}<extra></extra>",
    },
  ];
  // no ring, and below the points: a hollow symbol is a value at a limit
  if (count > 1)
    traces.unshift({ ...silent, x: x.slice(0, 1), y: y.slice(0, 1), mode: "markers", name: "start",
      marker: { symbol: "y-down", size: 14, line: { width: 2, color: colour } } });
  const audits = path.audits.filter(([index]) => index < count);
  if (audits.length)
    traces.push({
      x: audits.flatMap(([index, value]) => [x[index], factor * value, null]),
      y: audits.flatMap(([index, , value]) => [y[index], factor * value, null]),
      hoverinfo: "skip", mode: "lines+markers", name: "audit", line: { color: colour, width: 1 },
      marker: { symbol: "cross-thin", size: audits.flatMap(() => [0, 9, 0]), line: { width: 1.5, color: colour } },
    });
  if (flagState(pointFlags(path, count - 1)) === "flagged")
    traces.push({ ...silent, x: x.slice(-1), y: y.slice(-1), mode: "markers", name: "doubt",
      marker: { symbol: "x-thin", size: 7, line: { width: 2, color: colour } } });
  if (count === path.epochs.length)
    for (const [i, sign, position] of [[0, "▸", "middle right"], [1, "▴", "top center"]])
      if (path.below[i])
        traces.push({ ...silent, x: x.slice(-1), y: y.slice(-1), mode: "text", name: "below", text: [`\u00a0${sign}`],
          textposition: position, textfont: { color: colour, size: 14 } });
  return traces;
}

/** The ranges of both axes over all shown planes and all epochs, so that nothing moves while it plays. */
function planeRanges(shown, limits) {
  const factor = unitFactor(state.unit);
  return ["x", "y"].map((axis, i) => {
    const paths = shown.flatMap(({ run, plane }) => shownPaths(run, plane));
    const audits = paths.flatMap((path) => path.audits.map((audit) => audit[i + 1]));
    const values = [...paths.flatMap((path) => [...path[axis].low, ...path[axis].high]), ...audits];
    return values.length ? range(values.map((value) => factor * value), limits[i]) : [0, 1];
  });
}

/** The largest limits of some planes, in the shown unit. */
function planeLimits(shown) {
  return [0, 1].map((i) => {
    const known = shown.map(({ plane }) => plane.limits[i]).filter((limit) => limit !== null);
    return known.length ? unitFactor(state.unit) * Math.max(...known) : null;
  });
}

/** Maps epochs to numbers from 0 to 1, as pictures do. */
function epochShare() {
  const last = Math.max(...allEpochs(), 1e-9);
  return (epoch) => Math.log1p(epoch) / Math.log1p(last);
}

function drawPlanes() {
  const charts = shownMethods().map(({ key, name }) => ({ key, name, shown: shownPlanes(key) })).filter(({ shown }) => shown.length);
  const everything = charts.flatMap(({ shown }) => shown);
  const limits = planeLimits(everything);
  const ends = planeRanges(everything, limits);
  const share = epochShare();
  drawCharts("planes", charts.map(({ key, name, shown }) => {
    const [x, y] = shown[0].plane.labels.map((label) => `${label}  [${state.unit}]`);
    const marks = ["x", "y"].map((axis, i) => limitMarks(axis, limitNames()[i], planeLimits(shown)[i], ends[i]));
    const traces = shown.flatMap(({ run, index, plane }) =>
      shownPaths(run, plane).flatMap((path) => pathTraces(run, index, plane, path, share, state.seed === "all")));
    const layout = {
      xaxis: { title: { text: x, standoff: 8 }, range: ends[0] },
      yaxis: { title: { text: y, standoff: 8 }, range: ends[1] },
      shapes: marks.flatMap(({ shapes }) => shapes),
      annotations: marks.flatMap(({ annotations }) => annotations),
    };
    return { id: `plane-${key}`, title: `${name}, ${shown[0].plane.title}`, traces, layout };
  }));
  drawKey(everything);
  drawFlags(everything);
}

/** Explains the marks that occur. */
function drawKey(shown) {
  const paths = shown.flatMap(({ run, plane }) => shownPaths(run, plane));
  const states = new Set(paths.flatMap((path) => path.epochs.map((_, i) => flagState(pointFlags(path, i)))));
  const words = ["three strokes: start", "large symbol: end, with its error bars", "light to dark: epochs"];
  if (states.has("saturated")) words.push("hollow: at a limit");
  if (states.has("flagged")) words.push("×: another flag");
  if (paths.some((path) => path.audits.length)) words.push("+: a fresh critic found more");
  if (paths.some((path) => path.below.some(Boolean))) words.push("▸ ▴: a lower bound, below the exact value");
  if (shownRuns().length > 1)
    words.push(`lines: ${shownRuns().map(({ run, index }) => `${run.name} ${DASHES[index % DASHES.length]}`).join(", ")}`);
  byId("key").textContent = paths.length ? `${words.join(" · ")}.` : "These runs have no points of the plane.";
}

/** A table of every flag of the shown values. */
function drawFlags(shown) {
  const rows = new Map();
  for (const { run, plane } of shown)
    for (const path of shownPaths(run, plane))
      for (const [label, axis] of [[plane.labels[0], path.x], [plane.labels[1], path.y]])
        for (const [index, flags] of Object.entries(axis.flags))
          for (const flag of flags) {
            const key = JSON.stringify([flag, label, path.layer, origin(run, plane.method, path.seed)]);
            rows.set(key, [...(rows.get(key) ?? []), path.epochs[index]]);
          }
  const body = [...rows].sort().map(([key, epochs]) => {
    const [flag, label, layer, where] = JSON.parse(key);
    return [flag, flagWords(flag), label, layer, where, epochs.join(", ")];
  });
  fillTable("flags", ["flag", "meaning", "value", "layer", "of", "epochs"], body);
  if (!body.length) byId("flags").replaceChildren(element("caption", "No shown value has a flag."));
}
