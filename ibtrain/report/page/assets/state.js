// What is shown, and the parts of the document that belong to it.

const DATA = JSON.parse(byId("document").textContent);
const MANY_RUNS = 2;

const measures = new Map(DATA.runs.flatMap((run) => run.planes).map((plane) => [plane.measure, plane]));
const methods = DATA.methods.filter(({ key }) =>
  DATA.runs.some((run) => [...run.planes, ...run.curves, ...run.summary].some((part) => part.method === key)));

const state = {
  measure: measures.keys().next().value ?? "",
  unit: DATA.unit,
  seed: "mean",
  methods: new Set(methods.map(({ key }) => key)),
  runs: new Set(DATA.runs.slice(0, MANY_RUNS).map((_, index) => index)),
  hidden: new Set(),
  epoch: Infinity,
};

/** The runs that are shown, with their index. */
function shownRuns() {
  return DATA.runs.map((run, index) => ({ run, index })).filter(({ index }) => state.runs.has(index));
}

/** The parts of a run with the chosen seeds: the mean, all seeds, or one. A run of one seed has only the mean. */
function ofSeed(run, items) {
  if (state.seed === "mean") return items.filter(({ seed }) => seed === null);
  const single = run.seeds.length === 1;
  const isWanted = state.seed === "all" ? () => true : (seed) => seed === Number(state.seed);
  return items.filter(({ seed }) => isWanted(seed === null && single ? run.seeds[0] : seed) && (seed !== null || single));
}

/** The paths of a plane that are shown. */
function shownPaths(run, plane) {
  return ofSeed(run, plane.paths).filter(({ layer }) => !state.hidden.has(layer));
}

/** The planes of a method, in the chosen measure, of all shown runs. */
function shownPlanes(method) {
  return shownRuns().flatMap(({ run, index }) =>
    run.planes
      .filter((plane) => plane.method === method && plane.measure === state.measure)
      .map((plane) => ({ run, index, plane })));
}

function shownMethods() {
  return methods.filter(({ key }) => state.methods.has(key));
}

function layerStyle(name) {
  return DATA.layers.find((layer) => layer.name === name);
}

function methodName(key) {
  return methods.find((method) => method.key === key).name;
}

/** The epochs of the slider: those of all points. */
function allEpochs() {
  const epochs = DATA.runs.flatMap((run) => run.planes).flatMap((plane) => plane.paths).flatMap((path) => path.epochs);
  return [...new Set(epochs)].sort((a, b) => a - b);
}

/** Number of a path's points up to the shown epoch. */
function countUntil(epochs) {
  return epochs.filter((epoch) => epoch <= state.epoch).length;
}

/** "layer-wise, run, seed 0": what tells a line from the others, without what all have. */
function origin(run, method, seed) {
  const seeds = seed === null ? (run.seeds.length > 1 ? `mean of ${run.seeds.length} seeds` : `seed ${run.seeds[0]}`) : `seed ${seed}`;
  return [methodName(method), ...(DATA.runs.length > 1 ? [run.name] : []), seeds].join(" · ");
}
