// Line charts over scenario time, by uPlot: zoom by dragging, keys and buttons; shared cursor; values in words and as a table.
import uPlot from "./vendor/uplot.js";
import { clock, incrementsOf, quantities, quantity, tick } from "./format.js";
import { useMedia } from "./hooks.js";
import { html, useEffect, useMemo, useRef, useState } from "./lib.js";
import { behind, colour } from "./marks.js";
import { t } from "./texts.js";
import { aligned, told, Values } from "./values.js";
import { touched, useZoomKeys, ZoomButtons } from "./zoom.js";

export const COLOURS = 12;
/** Four colours are whole, four dashed, and four dotted where lines share a chart: nobody has to tell twelve colours apart. */
const DASHES = ["", "dashed", "dotted"];
function dash(one, i, { length }) {
  if (one.dashed !== undefined) return DASHES[Number(one.dashed)];
  return DASHES[length > 1 ? Math.floor(((one.colour ?? i) % COLOURS) / 4) : 0];
}
const LENGTHS = { dashed: [6, 4], dotted: [2, 3] };
/** As wide for every chart, so that times stand below each other where charts do. */
const VALUES_WIDTH = 62;
const cursors = uPlot.sync("time");

function options(box, current) {
  const { series, unit, height, onSelect, onPoint } = current();
  const ink = colour("--quiet"),
    rule = colour("--rule");
  const font = '11px system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif';
  return {
    width: Math.max(80, box.clientWidth),
    height,
    legend: { show: false },
    cursor: {
      sync: { key: cursors.key, setSeries: false },
      y: false,
      drag: { x: Boolean(onSelect), y: false, setScale: false, dist: 5 },
      points: { size: 7 },
      bind: {
        dblclick: () => () => {
          onSelect?.(null);
          return null;
        },
      },
    },
    scales: {
      x: { time: false, range: () => current().range },
      y: { range: (_, low, high) => limits(low, high, current().fromZero) },
    },
    axes: [
      {
        stroke: ink,
        font,
        grid: { stroke: rule, width: 1 },
        ticks: { show: false },
        size: 26,
        space: 60,
        values: (chart, at) => at.map((v) => tick(v, chart.scales.x.max - chart.scales.x.min)),
        incrs: [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800],
      },
      {
        stroke: ink,
        font,
        grid: { stroke: rule, width: 1 },
        ticks: { show: false },
        size: (_, values) => Math.max(VALUES_WIDTH, 14 + 6.2 * Math.max(...(values || [""]).map((v) => v.length))),
        space: 22,
        values: (_, at) => quantities(at, unit),
        ...incrementsOf(unit),
      },
    ],
    series: [
      {},
      ...series.map((one, i) => ({
        label: one.label,
        stroke: colour(`--c${(one.colour ?? i) % COLOURS}`),
        width: 1.7,
        dash: LENGTHS[dash(one, i, series)],
        points: { size: 4, show: (chart) => chart.data[0].length < 3 },
        spanGaps: false,
      })),
    ],
    hooks: {
      drawClear: [behind(current)],
      setSelect: [
        (chart) => {
          if (chart.select.width < 4) return;
          current().onSelect?.([chart.posToVal(chart.select.left, "x"), chart.posToVal(chart.select.left + chart.select.width, "x")]);
          chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        },
      ],
      ready: [
        (chart) => {
          touched(chart, () => Boolean(current().onSelect));
          if (onPoint)
            chart.over.addEventListener("click", () => chart.cursor.left >= 0 && current().onPoint(chart.posToVal(chart.cursor.left, "x")));
        },
      ],
      setCursor: [(chart) => current().onCursor(chart)],
    },
  };
}

function limits(low, high, fromZero) {
  if (low === null || high === null || low === undefined) return [0, 1];
  if (fromZero && low > 0) low = 0;
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
}

/**
 * A chart of series `{label, times_s, values, colour?, dashed?}` of one unit, from `range` [from, to] in seconds. `onSelect`
 * gets what was dragged over, or null after a double click; `onPoint` the time that was clicked; `limit` is a value that an alert waits for;
 * `beside` is what stands beside a series in the legend. With `onZoom` the chart zooms by keys within `whole`, and `keys` is the
 * id of what tells them.
 */
export function Chart({
  series,
  unit,
  range,
  height = 150,
  bands,
  marks,
  onSelect,
  onPoint,
  onZoom,
  whole,
  keys,
  limit,
  fromZero = true,
  label,
  legend = true,
  beside,
}) {
  const box = useRef(),
    chart = useRef(null),
    readout = useRef(),
    moment = useRef(),
    latest = useRef({});
  const dark = useMedia("(prefers-color-scheme: dark)");
  latest.current = {
    series,
    unit,
    range,
    height,
    bands,
    marks,
    limit,
    onSelect,
    onPoint,
    fromZero,
    onCursor(plot) {
      const i = plot.cursor.idx,
        isPointed = i !== null && i !== undefined;
      if (moment.current) {
        moment.current.textContent = isPointed ? clock(plot.data[0][i]) : "";
        moment.current.style.left = isPointed ? `${plot.over.offsetLeft + plot.valToPos(plot.data[0][i], "x")}px` : "";
      }
      for (const [n, item] of [...(readout.current?.children || [])].entries()) {
        const values = plot.data[n + 1] || [];
        let at = i ?? values.length - 1;
        while (!isPointed && at > 0 && (values[at] ?? null) === null) at--;
        item.querySelector("b").textContent = values.length ? quantity(values[at], latest.current.unit) : "–";
      }
    },
  };
  const shape = `${dark}|${unit}|${height}|${Boolean(onSelect)}|${Boolean(onPoint)}|${series.map((one) => `${one.label}:${one.colour}`).join()}`;
  useEffect(() => {
    const plot = new uPlot(
      options(box.current, () => latest.current),
      aligned(latest.current.series),
      box.current,
    );
    chart.current = plot;
    latest.current.onCursor(plot);
    const sized = new ResizeObserver(() => box.current && plot.setSize({ width: Math.max(80, box.current.clientWidth), height }));
    sized.observe(box.current);
    return () => {
      sized.disconnect();
      plot.destroy();
      chart.current = null;
    };
  }, [shape]);
  const last = series.map((one) => `${one.times_s.length}:${one.values.at(-1)}`).join();
  useEffect(() => {
    chart.current?.setData(aligned(series));
    if (chart.current) latest.current.onCursor(chart.current);
  }, [last, range.join(), JSON.stringify(bands), JSON.stringify(marks)]);
  const zoom = useZoomKeys({ series, unit, range, whole, onZoom });
  const [isTable, setTable] = useState(false);
  const spoken = useMemo(
    () => [label, ...series.map((one) => told(one, unit, range))].filter(Boolean).join(" "),
    [shape, last, range.join(), label],
  );
  const acts = onZoom
    ? { role: "application", "aria-roledescription": t.chart.role, "aria-describedby": keys, tabindex: 0, onKeyDown: zoom.onKeyDown }
    : { role: "img" };
  return html`<div class="chart">
    <div ref=${box} ...${acts} aria-label=${spoken}><b class="moment number" ref=${moment} aria-hidden="true"></b></div>
    ${onZoom && html`<p class="hidden" role="status">${zoom.told}</p>`}
    ${
      legend &&
      html`<div class="under">
          <ul class="legend" ref=${readout} key=${shape}>
            ${series.map((one, i) => html`<li key=${one.label}><i class=${`swatch c${(one.colour ?? i) % COLOURS} ${dash(one, i, series)}`}></i><span class="name">${one.label}</span><b class="number"></b>${beside?.(one)}</li>`)}
          </ul>
          <div class="moves">
            ${onZoom && html`<${ZoomButtons} lead=${zoom.lead} />`}<button
              type="button"
              class="plain"
              aria-expanded=${isTable}
              onClick=${() => setTable(!isTable)}
            >
              ${t.chart.table}
            </button>
          </div>
        </div>
        ${isTable && html`<${Values} series=${series} unit=${unit} range=${range} />`}`
    }
  </div>`;
}
