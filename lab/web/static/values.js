// The values of a chart for those who do not see its lines: in words, and as a table.
import { clock, quantity } from "./format.js";
import { html } from "./lib.js";
import { t } from "./texts.js";

const MOST_ROWS = 60;
const isValue = (value) => value !== null && value !== undefined;

/** Series with times of their own, on one axis of times: null is a value that is missing, undefined a time of another series. */
export function aligned(series) {
  const times = [...new Set(series.flatMap((one) => one.times_s))].sort((a, b) => a - b);
  const place = new Map(times.map((time, i) => [time, i]));
  return [
    times,
    ...series.map((one) => {
      const values = new Array(times.length).fill(undefined);
      one.times_s.forEach((time, i) => {
        values[place.get(time)] = one.values[i];
      });
      return values;
    }),
  ];
}

/** Where a series has values in a range of time. */
export const placesIn = ({ times_s, values }, [from, to]) =>
  values.map((_, i) => i).filter((i) => isValue(values[i]) && times_s[i] >= from && times_s[i] <= to);

/** A series in words, in a range of time: its last value, its least and its most, and when. */
export function told(series, unit, range) {
  const { label, times_s, values } = series;
  const places = placesIn(series, range);
  if (!places.length) return label ? t.chart.empty(label) : "";
  const least = places.reduce((best, i) => (values[i] < values[best] ? i : best)),
    most = places.reduce((best, i) => (values[i] > values[best] ? i : best));
  const at = (i) => [quantity(values[i], unit), clock(times_s[i])];
  return t.chart.told(label, at(places.at(-1)), at(least), at(most));
}

/** The values in a range of time as a table, of so many moments as can be read. */
export function Values({ series, unit, range: [from, to] }) {
  const [times, ...columns] = aligned(series);
  const places = times.map((_, i) => i).filter((i) => times[i] >= from && times[i] <= to);
  const step = Math.ceil(places.length / MOST_ROWS);
  const shown = places.filter((_, n) => (places.length - 1 - n) % step === 0);
  return html`${step > 1 && html`<p class="small quiet">${t.chart.some(shown.length, places.length)}</p>`}
    <div class="scroll tall" tabindex="0" role="region" aria-label=${t.chart.table}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">${t.chart.time}</th>
            ${series.map((one) => html`<th scope="col" class="right" key=${one.label}>${one.label}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${shown.map(
            (i) =>
              html`<tr key=${times[i]}>
                <th scope="row" class="number">${clock(times[i])}</th>
                ${columns.map((values) => html`<td class="right">${isValue(values[i]) ? quantity(values[i], unit) : "–"}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}
