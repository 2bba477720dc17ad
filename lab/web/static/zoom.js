// Zooming a chart by keys, buttons and touch: which range of time they lead to, and what is told of it.
import { clock, quantity } from "./format.js";
import { html, useState } from "./lib.js";
import { t } from "./texts.js";
import { placesIn } from "./values.js";

/** How far arrows lead, as a share of what is seen; and at least, since what is told has whole seconds. */
const STEP = 1 / 4,
  LEAST_STEP_S = 1;
/** How close keys lead, as a share of the whole time, while a step is still that share; dragging leads closer. */
const CLOSEST = 1 / 500;
/** Ranges that differ by less are the same: addresses hold tenths of seconds. */
const SAME_S = 0.05;

/** The range that a key leads to from `range` within `whole`, all [from, to] in seconds; undefined where the key means nothing. */
function ledTo(key, [from, to], [first, last]) {
  const most = last - first,
    width = Math.min(to - from, most),
    middle = (from + to) / 2,
    step = Math.max(STEP * width, LEAST_STEP_S),
    closest = Math.max(CLOSEST * most, LEAST_STEP_S / STEP);
  const around = (centre, size) => {
    const start = Math.min(Math.max(first, centre - size / 2), last - size);
    return [start, start + size];
  };
  switch (key) {
    case "+":
    case "=": // the key of +, without Shift
      return around(middle, Math.max(width / 2, Math.min(width, closest)));
    case "-":
    case "_":
      return around(middle, Math.min(2 * width, most));
    case "ArrowLeft":
      return around(middle - step, width);
    case "ArrowRight":
      return around(middle + step, width);
    case "0":
    case "Escape":
      return [first, last];
    default:
      return undefined;
  }
}

/** A series in a range of time, in words: between which values it went. */
function extent(series, range, unit) {
  const inside = placesIn(series, range).map((i) => series.values[i]);
  return inside.length
    ? t.chart.between(series.label, quantity(Math.min(...inside), unit), quantity(Math.max(...inside), unit))
    : t.chart.empty(series.label);
}

/**
 * The keys of a chart: what handles them, what does what one of them does, and what to tell of the last one. `onZoom` gets
 * the range that a key led to, in seconds, or null for the whole.
 */
export function useZoomKeys({ series, unit, range, whole, onZoom }) {
  const [told, tell] = useState("");
  function lead(key) {
    const next = ledTo(key, range, whole);
    if (!next) return false;
    const isLike = (other) => next.every((time, i) => Math.abs(time - other[i]) < SAME_S);
    const isSame = isLike(range),
      isWhole = isLike(whole);
    if (!isSame) onZoom(isWhole ? null : next);
    const place = (isWhole ? t.chart.whole : t.chart.part)(clock(next[0]), clock(next[1]));
    tell(isSame && !isWhole ? t.chart.noFurther : [place, ...series.map((one) => extent(one, next, unit))].join(" "));
    return true;
  }
  function onKeyDown(event) {
    if (!event.ctrlKey && !event.altKey && !event.metaKey && lead(event.key)) event.preventDefault();
  }
  return { onKeyDown, lead, told };
}

/** Buttons that do what the keys of a chart do. */
export function ZoomButtons({ lead }) {
  return html`${Object.entries(t.chart.moves).map(([key, [sign, text]]) => html`<button type="button" key=${key} class="plain" aria-label=${text} title=${text} onClick=${() => lead(key)}>${sign}</button>`)}`;
}

/**
 * Lets a finger point at the moments of a chart, and select where that is wanted: uPlot listens to a mouse only. What
 * goes up or down stays the browser's, which scrolls.
 */
export function touched(chart, canSelect) {
  const { over } = chart;
  let from = null;
  const place = (event) => {
    const box = over.getBoundingClientRect();
    return { left: Math.max(0, Math.min(box.width, event.clientX - box.left)), top: event.clientY - box.top };
  };
  const select = (left, to, isDone) =>
    chart.setSelect({ left: Math.min(left, to), width: Math.abs(to - left), top: 0, height: over.clientHeight }, isDone);
  const listen = (name, does) => over.addEventListener(name, (event) => event.pointerType !== "mouse" && does(event));
  listen("pointerdown", (event) => {
    from = place(event).left;
    over.setPointerCapture(event.pointerId);
  });
  listen("pointermove", (event) => {
    if (from === null) return;
    const at = place(event);
    chart.setCursor(at, true, true);
    if (canSelect()) select(from, at.left, false);
  });
  listen("pointerup", (event) => {
    if (from !== null && canSelect()) select(from, place(event).left, true);
    from = null;
  });
  listen("pointercancel", () => {
    from = null;
    select(0, 0, false);
  });
}
