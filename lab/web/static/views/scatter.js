// Points of duration over time: where slow and failed requests lie at a glance.
import { clock, duration, quantities } from "../format.js";
import { html } from "../lib.js";

const WIDTH = 900,
  HEIGHT = 130,
  LEFT = 58,
  BOTTOM = 22,
  TOP = 8;

/** `rows` have time_s and duration_s; the duration's axis is logarithmic. */
export function Scatter({ rows, isBad, onChoose, label }) {
  const times = rows.map((one) => one.time_s),
    lengths = rows.map((one) => Math.max(one.duration_s, 1e-6));
  const from = Math.min(...times),
    to = Math.max(...times, from + 1e-6);
  const low = Math.log10(Math.min(...lengths)) - 0.1,
    high = Math.log10(Math.max(...lengths)) + 0.1;
  const x = (time) => LEFT + ((time - from) / (to - from)) * (WIDTH - LEFT - 14),
    y = (length) => TOP + (1 - (Math.log10(Math.max(length, 1e-6)) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const levels = [0, 0.5, 1].map((share) => 10 ** (low + share * (high - low)));
  const names = quantities(levels, "s");
  return html`<figure class="card scatter scroll">
    <svg class="drawing" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${label}>
      ${levels.map((level, i) => html`<line class="grid" x1=${LEFT} x2=${WIDTH - 8} y1=${y(level)} y2=${y(level)} /><text class="tick" x=${LEFT - 6} y=${y(level) + 4} text-anchor="end">${names[i]}</text>`)}
      ${[0, 0.5, 1].map((share) => html`<text class="tick" x=${x(from + share * (to - from))} y=${HEIGHT - 5} text-anchor=${["start", "middle", "end"][share * 2]}>${clock(from + share * (to - from))}</text>`)}
      ${rows.map((one) => html`<circle key=${one.trace_id} class=${isBad(one) ? "point bad" : "point"} cx=${x(one.time_s)} cy=${y(one.duration_s)} r="4" onClick=${() => onChoose(one)}><title>${clock(one.time_s)}, ${duration(one.duration_s)}, ${one.status}</title></circle>`)}
    </svg>
  </figure>`;
}
