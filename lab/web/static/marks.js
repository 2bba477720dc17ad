// What is drawn behind the series of a chart: windows of time, marked moments, a limit; and the key to them.
import { html } from "./lib.js";
import { t } from "./texts.js";

const COLOURS = { alert: "--near", change: "--unknown", action: "--pass", fault: "--fail" };
/** The corners of a mark, from its middle: an alert is a triangle, a change a diamond, anything else a square. */
const CORNERS = {
  alert: [[-1, -1], [1, -1], [0, 1]],
  change: [[0, -1], [1, 0], [0, 1], [-1, 0]],
};
const SQUARE = [[-0.8, -0.8], [0.8, -0.8], [0.8, 0.8], [-0.8, 0.8]];
const RADIUS = 4;
const corners = (kind, x, y, scale = 1) => (CORNERS[kind] || SQUARE).map(([dx, dy]) => [x + dx * RADIUS * scale, y + dy * RADIUS * scale]);

/** A colour of the style sheet, as it is now. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function line(ctx, dash, [x1, y1, x2, y2]) {
  ctx.lineWidth = devicePixelRatio * 1.2;
  ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  ctx.lineTo(x2, y2);
  ctx.stroke();
}

/** The head of a mark. */
function sign(ctx, kind, x, y) {
  ctx.beginPath();
  for (const corner of corners(kind, x, y, devicePixelRatio)) ctx.lineTo(...corner);
  ctx.fill();
}

/** What the marks and limits of charts mean, as far as there are any. */
export function MarkKey({ marks = [], limit = false }) {
  const kinds = Object.keys(COLOURS).filter((kind) => marks.some((one) => one.kind === kind));
  if (!kinds.length && !limit) return null;
  return html`<ul class="key marks">
    ${kinds.map(
      (kind) =>
        html`<li key=${kind}>
          <svg width="10" height="12" class=${kind} aria-hidden="true"><polygon points=${corners(kind, 5, 6).join(" ")} /></svg> ${t.chart.marks[kind]}
        </li>`,
    )}
    ${limit && html`<li key="limit"><svg width="18" height="12" class="limit" aria-hidden="true"><line x1="0" x2="18" y1="6" y2="6" /></svg> ${t.chart.limit}</li>`}
  </ul>`;
}

/** Draws bands (windows of time), lines (moments) and a limit behind the series; `current` gives them as they are now. */
export function behind(current) {
  return (chart) => {
    const { bands = [], marks = [], limit } = current();
    const { ctx } = chart,
      { left, top, width, height } = chart.bbox;
    const x = (time) => Math.max(left, Math.min(left + width, chart.valToPos(time, "x", true)));
    ctx.save();
    for (const { from, to, kind } of bands) {
      ctx.fillStyle = colour(kind === "before" ? "--before" : "--window");
      ctx.fillRect(x(from), top, Math.max(1, x(to) - x(from)), height);
    }
    for (const { at, kind } of marks) {
      if (at < chart.scales.x.min || at > chart.scales.x.max) continue;
      ctx.strokeStyle = ctx.fillStyle = colour(COLOURS[kind] || "--edge");
      line(ctx, kind === "fault" ? [] : [4, 3], [x(at), top, x(at), top + height]);
      sign(ctx, kind, x(at), top);
    }
    if (limit !== undefined && limit !== null && limit >= chart.scales.y.min && limit <= chart.scales.y.max) {
      const y = chart.valToPos(limit, "y", true);
      ctx.strokeStyle = colour("--near");
      line(ctx, [1, 3], [left, y, left + width, y]);
    }
    ctx.restore();
  };
}
