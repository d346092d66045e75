// Unpacks the plotting library, and draws the page.

async function loadLibrary() {
  const bytes = Uint8Array.from(atob(byId("library").textContent), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

async function main() {
  drawTitles();
  fillControls();
  drawSummary();
  drawDifferences();
  drawParameters();
  drawAbout();
  await loadLibrary();
  moveSlider(epochs.at(-1) ?? 0);
  drawPlanes();
  drawCaption();
  drawTable();
  // the plane is shown before the charts below it are drawn
  await new Promise((resolve) => { setTimeout(resolve); });
  drawCurves();
  connectControls();
  document.documentElement.dataset.drawn = Math.round(performance.now());
}

main().catch((error) => {
  byId("failure").hidden = false;
  byId("failure").textContent = `The charts could not be drawn (${error.message}). A browser of 2023 or newer is needed.`;
  throw error;
});
