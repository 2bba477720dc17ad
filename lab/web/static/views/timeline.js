// What happened, what could be seen, and what you did, in lanes on one axis of time.
import { clock, clockEnd, tick } from "../format.js";
import { html } from "../lib.js";
import { t } from "../texts.js";

const LANES = [["fault"], ["decoy"], ["change"], ["alert"], ["look"], ["pin", "note"], ["hint"], ["action"], ["answer"]];
const WIDTH = 1000,
  LEFT = 104,
  ROW = 30,
  TOP = 10;

const timeOf = (one) => (one.is_end ? clockEnd : clock)(one.time_s);

export function Timeline({ events, faults, end_s }) {
  const lanes = LANES.filter((kinds) => events.some((one) => kinds.includes(one.kind)) || (kinds[0] === "fault" && faults.length));
  const height = TOP + lanes.length * ROW + 24,
    x = (time) => LEFT + (Math.max(0, Math.min(time, end_s)) / end_s) * (WIDTH - LEFT - 16);
  return html`<section class="card stack tight">
    <h2>${t.debrief.timeline}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label=${t.debrief.timeline}>
      <svg class="drawing timeline" viewBox=${`0 0 ${WIDTH} ${height}`} role="img" aria-label=${t.debrief.timeline}>
        ${faults.map((one) => html`<rect class="window" x=${x(one.injected_s)} y=${TOP} width=${Math.max(2, x(one.reverted_s ?? end_s) - x(one.injected_s))} height=${lanes.length * ROW} />`)}
        ${lanes.map((kinds, i) => {
          const y = TOP + i * ROW + ROW / 2;
          return html`<g
            ><text class="lane" x=${LEFT - 12} y=${y + 4} text-anchor="end">${t.debrief.lanes[kinds[0]]}</text
            ><line class="grid" x1=${LEFT} x2=${WIDTH - 12} y1=${y} y2=${y} />
            ${kinds[0] === "fault" && faults.map((one) => html`<rect class="mark fault" x=${x(one.injected_s)} y=${y - 6} width=${Math.max(4, x(one.reverted_s ?? end_s) - x(one.injected_s))} height="12" rx="3"><title>${`${one.kind}, ${one.culprit}`}</title></rect>`)}
            ${kinds[0] !== "fault" && events.filter((one) => kinds.includes(one.kind)).map((one) => html`<circle class=${`mark ${one.kind}`} cx=${x(one.time_s)} cy=${y} r="5.5"><title>${`${timeOf(one)} ${one.text}`}</title></circle>`)}</g
          >`;
        })}
        ${[0, 0.25, 0.5, 0.75, 1].map((share) => html`<text class="tick" x=${x(share * end_s)} y=${height - 6} text-anchor=${share === 1 ? "end" : "middle"}>${tick(share * end_s, end_s)}</text>`)}
      </svg>
    </div>
    <details>
      <summary class="small">${t.debrief.allEvents(events.length)}</summary>
      <ul class="pager events">
        ${events.map((one) => html`<li><span class="number">${timeOf(one)}</span><span class=${`mark ${one.kind}`}>${t.debrief.lanes[one.kind] || one.kind}</span><span class="grow">${one.text}</span></li>`)}
      </ul>
    </details>
  </section>`;
}
