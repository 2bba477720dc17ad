// Indicators of a calendar: a line over its columns each, with the limit that an alert waits for.
import { quantity } from "../format.js";
import { html } from "../lib.js";
import { breakable } from "../parts.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";

const HEIGHT = 40,
  MARGIN = 4,
  COLUMN = 10;
/** Of an indicator's level, that its row is high: what hardly moves looks as if it hardly moved. */
const LEAST_RANGE = 0.15;
const known = (values) => values.filter((value) => value !== null);

/** From the lowest to the highest level that a row shows: its values, and what is usual. */
function rangeOf(row) {
  const there = known([...row.values, row.usual_low, row.usual_high]),
    low = Math.min(...there),
    high = Math.max(...there);
  const missing = LEAST_RANGE * Math.max(Math.abs(low), Math.abs(high)) - (high - low);
  if (!there.some(Boolean)) return [0, 1];
  return missing > 0 ? [low - missing / 2, high + missing / 2] : [low, high];
}

/** A path through the values; where one is missing it is interrupted. */
function pathOf(values, y) {
  let isOpen = false;
  return values
    .map((value, place) => {
      if (value === null) {
        isOpen = false;
        return "";
      }
      const step = `${isOpen ? "L" : "M"}${COLUMN * (place + 0.5)} ${y(value).toFixed(1)}${isOpen ? "" : "h.1"}`;
      isOpen = true;
      return step;
    })
    .join("");
}

/** The limit that an alert waits for, where the row's scale reaches it. */
function limitOf(row) {
  const [low, high] = rangeOf(row),
    limit = row.above ?? row.below;
  return limit !== null && limit >= low && limit <= high ? limit : null;
}

/** What of these rows the key explains. */
export const marksOf = (rows) => rows.flatMap((row) => [row.usual_low !== null && "usual", limitOf(row) !== null && "limit"]).filter(Boolean);

function Line({ row, periods, first, isOfMany }) {
  const { id } = useSession();
  const [low, high] = rangeOf(row),
    y = (value) => HEIGHT - MARGIN - ((value - low) / (high - low)) * (HEIGHT - 2 * MARGIN);
  const limit = limitOf(row),
    bound = row.above ?? row.below,
    there = known(row.values),
    of = `${row.signal}:${row.subject}`;
  const text = `${row.signal}: ${quantity(there[0], row.unit)} → ${quantity(there.at(-1), row.unit)}`;
  return html`<tr>
    <th scope="row" title=${row.doc}>
      <a href=${`#/session/${encodeURIComponent(id)}/signals?${new URLSearchParams({ of })}`}>${breakable(row.signal + (isOfMany ? ` of ${row.subject}` : ""))}</a>
      <small>${quantity(there[0], row.unit)} → ${quantity(there.at(-1), row.unit)}</small>
      ${row.usual_low !== null && html`<small class="level">${t.calendar.usual(quantity(row.usual_low, row.unit), quantity(row.usual_high, row.unit))}</small>`}
      ${bound !== null && html`<small class="level">${t.calendar.limit[row.above === null ? "below" : "above"](quantity(bound, row.unit))}</small>`}
    </th>
    <td colspan=${periods.length}>
      <div class="course"><small class="scale" aria-hidden="true"><span>${quantity(high, row.unit)}</span><span>${quantity(low, row.unit)}</span></small><svg class="drawing" viewBox=${`0 0 ${COLUMN * periods.length} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${text}>
        ${row.usual_low !== null && html`<rect class="usual" x="0" y=${y(row.usual_high)} width=${COLUMN * periods.length} height=${y(row.usual_low) - y(row.usual_high)} />`}
        ${first !== null && html`<path class="first" d=${`M${COLUMN * first} 0V${HEIGHT}`} />`}
        ${limit !== null && html`<path class="limit" d=${`M0 ${y(limit)}H${COLUMN * periods.length}`} />`}
        <path class="line" d=${pathOf(row.values, y)} />
        ${periods.map((period, place) => html`<rect class="spot" key=${period.number} x=${COLUMN * place} y="0" width=${COLUMN} height=${HEIGHT}><title>${period.name}: ${quantity(row.values[place], row.unit)}</title></rect>`)}
      </svg></div>
    </td>
  </tr>`;
}

export function Indicators({ title, rows, periods, first, isMany }) {
  if (!rows.length) return null;
  return html`<tbody class="lines">
    <tr class="group">
      <th scope="rowgroup" colspan=${periods.length + 1}><span>${title}</span></th>
    </tr>
    ${rows.map((row) => html`<${Line} key=${row.signal + row.subject} row=${row} periods=${periods} first=${first} isOfMany=${isMany} />`)}
  </tbody>`;
}
