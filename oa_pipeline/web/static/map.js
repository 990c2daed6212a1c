// Draws the map of a page: dots out of a PMTiles archive over land and borders, and what is known of a dot that is
// pointed at. What a publisher wrote is only ever set as text.
const box = document.getElementById("map");
const note = document.getElementById("map-note");
const NEAR = 8; // pixels around the place that is asked for
const MOST = 20; // dots of one place that are told of

function say(text) {
  note.textContent = text;
}

function table(features) {
  const all = document.createElement("div");
  for (const one of features.slice(0, MOST)) {
    const list = document.createElement("dl");
    for (const [name, value] of Object.entries(one.properties)) {
      if (value === "" || value === null) continue;
      const term = document.createElement("dt");
      const told = document.createElement("dd");
      term.textContent = name;
      told.textContent = String(value);
      list.append(term, told);
    }
    if (!list.childElementCount) {
      const told = document.createElement("dd");
      told.textContent = "An address. Come nearer to read it.";
      list.append(told);
    }
    all.append(list);
  }
  if (features.length > MOST) {
    const more = document.createElement("p");
    more.textContent = `and ${features.length - MOST} more`;
    all.append(more);
  }
  return all;
}

function same(features) {
  const seen = new Set();
  return features.filter((one) => {
    const key = JSON.stringify([one.geometry.coordinates, one.properties]);
    return !seen.has(key) && seen.add(key);
  });
}

async function draw() {
  const library = await import(box.dataset.library);
  library.addProtocol("pmtiles", new pmtiles.Protocol().tile);
  const style = await (await fetch(box.dataset.style)).json();
  style.sources.ground.data = await (await fetch(style.sources.ground.data)).json(); // a worker may load nothing
  style.sources.dots.url = `pmtiles://${new URL(box.dataset.tiles, location.href).href}`;
  style.layers.find((one) => one.id === "dots")["source-layer"] = box.dataset.layer;
  const bounds = JSON.parse(box.dataset.bounds);
  const map = new library.Map({
    container: box,
    style,
    bounds,
    fitBoundsOptions: { padding: 20, maxZoom: 15 },
    maxZoom: 19,
    fadeDuration: 0,
    hash: "at",
    attributionControl: { compact: false },
    locale: { "Map.Title": box.dataset.title },
  });
  map.addControl(new library.NavigationControl({ showCompass: false }));
  map.addControl(new library.ScaleControl());

  const popup = new library.Popup({ maxWidth: "20rem", focusAfterOpen: true });
  function ask(point) {
    const around = [[point.x - NEAR, point.y - NEAR], [point.x + NEAR, point.y + NEAR]];
    const found = same(map.queryRenderedFeatures(around, { layers: ["dots"] }));
    if (!found.length) {
      say("There is no dot there.");
      return;
    }
    say(found.length === 1 ? "One address." : `${found.length} addresses.`);
    popup.setLngLat(found[0].geometry.coordinates).setDOMContent(table(found)).addTo(map);
  }
  map.on("click", (event) => ask(event.point));
  map.getContainer().addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === map.getCanvas()) {
      event.preventDefault(); // else it would press what is focused next, which closes the popup
      ask(map.project(map.getCenter()));
    }
    if (event.key === "Escape") popup.remove();
  });
  map.on("error", () => say("Some of the map could not be loaded. The table below has the same facts."));
  map.on("idle", () => { box.dataset.drawn = "yes"; });
}

draw().catch(() => say("This browser cannot draw the map. The table below has the same facts."));
