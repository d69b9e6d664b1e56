// Draws each table of the charts with uPlot; the tables stay for whoever reads them.
"use strict";
(() => {
  const charts = [...document.querySelectorAll(".chart")];
  const byDay = document.querySelector(".chart thead th")?.textContent === "Day";
  const hours = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
  const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: byDay ? "UTC" : undefined });
  const exact = new Intl.DateTimeFormat("en-GB", byDay ? { dateStyle: "medium", timeZone: "UTC" } : { dateStyle: "medium", timeStyle: "short" });

  function colour(figure, name) {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    figure.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function read(figure) {
    const rows = [...figure.querySelectorAll("tbody tr")];
    const names = [...figure.querySelectorAll("thead th")].slice(1).map((one) => one.textContent);
    const xs = rows.map((row) => Number(row.dataset.at));
    const columns = names.map((_, n) => rows.map((row) => {
      const text = row.children[n + 1].textContent;
      return text === "" ? null : Number(text);
    }));
    return { names, data: [xs, ...columns] };
  }

  function draw(figure) {
    const place = figure.querySelector(".drawing");
    const { names, data } = read(figure);
    const unit = figure.dataset.unit;
    const ink = colour(figure, "--soft");
    const grid = { stroke: colour(figure, "--line"), width: 1 };
    const strokes = ["--first", "--second", "--third"].map((one) => colour(figure, one));
    const span = data[0].length > 1 ? data[0].at(-1) - data[0][0] : 0;
    const axis = span > 2 * 86400 ? days : hours;
    const series = names.map((name, n) => ({
      label: name,
      stroke: strokes[n % strokes.length],
      width: figure.dataset.bars ? 0 : 2,
      fill: figure.dataset.bars ? strokes[n % strokes.length] : undefined,
      paths: figure.dataset.bars ? uPlot.paths.bars({ size: [n ? 0.35 : 0.7, 24] }) : undefined,
      points: { show: !figure.dataset.bars, size: 5 },
      spanGaps: true,
      value: (_, value) => (value === null ? "–" : `${value} ${unit}`.trim()),
    }));
    const beside = figure.dataset.bars && data[0].length > 1 ? (data[0][1] - data[0][0]) / 2 : 0; // half a bar
    place.replaceChildren();
    return new uPlot({
      width: place.clientWidth,
      height: 220,
      cursor: { drag: { x: false, y: false } },
      tzDate: (at) => (byDay ? uPlot.tzDate(new Date(at * 1000), "UTC") : new Date(at * 1000)),
      scales: { x: { range: (_, low, high) => [low - beside, high + beside] }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [
        { stroke: ink, grid, ticks: grid, space: 60, values: (_, found) => found.map((one) => axis.format(one * 1000)) },
        { stroke: ink, grid, ticks: grid, size: 56 },
      ],
      series: [{ label: byDay ? "Day" : "Hour", value: (_, at) => (at === null ? "–" : exact.format(at * 1000)) }, ...series],
    }, data, place);
  }

  let drawn = [];
  function drawAll() {
    drawn.forEach((one) => one.destroy());
    drawn = charts.map(draw);
  }
  drawAll();
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 150); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  new MutationObserver(drawAll).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
})();
