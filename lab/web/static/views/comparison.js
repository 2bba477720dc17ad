// Two windows of time, before and during: set by drag or by key, and the means of series over both.
import { TimeField } from "../fields.js";
import { clock, digits, mean, quantity } from "../format.js";
import { setQuery } from "../hooks.js";
import { html, useState } from "../lib.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";

/** A window of time as two fields: what dragging over a chart sets, for keys. */
function Window({ name, value }) {
  const [first, last] = t.signals.windows[name];
  const [half, setHalf] = useState(null);
  const [from, to] = value || half || ["", ""];
  const commit = (next) => {
    const set = next.every((time) => time !== "") && Number(next[0]) < Number(next[1]);
    setHalf(set ? null : next);
    if (set || value) setQuery({ [name]: set ? next.join() : null });
  };
  return html`<${TimeField} label=${first} name=${`${name}-from`} value=${String(from)} onCommit=${(time) => commit([time, to])} /><${TimeField}
      label=${last}
      name=${`${name}-to`}
      value=${String(to)}
      onCommit=${(time) => commit([from, time])}
    />`;
}

/** The values of a series in a window. */
export const within = (one, [from, to]) => one.values.filter((_, i) => one.times_s[i] >= from && one.times_s[i] <= to);

export function Comparison({ series, before, during }) {
  const { session } = useSession();
  const now = session.clock.as_of_s;
  return html`<section class="card stack tight">
    <header>
      <h2>${t.signals.compare}</h2>
      <div class="row">
        <button
          type="button"
          onClick=${() => setQuery({ before: `0,${Math.round(now / 3)}`, during: `${Math.max(Math.round(now / 3), now - Math.max(60, 6 * session.clock.tick_s))},${now}` })}
        >
          ${t.signals.guess}</button
        >${(before || during) && html`<button type="button" class="plain" onClick=${() => setQuery({ before: null, during: null })}>${t.signals.clearWindows}</button>`}
      </div>
    </header>
    <div class="row end"><${Window} name="before" value=${before} /><${Window} name="during" value=${during} /></div>
    ${
      before && during
        ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t.signals.compare}>
            <table class="table">
              <thead>
                <tr>
                  <th>${t.signals.columns[0]}</th>
                  <th class="right"><span class="swatch before"></span> ${t.signals.columns[1]} ${clock(before[0])}–${clock(before[1])}</th>
                  <th class="right"><span class="swatch during"></span> ${t.signals.columns[2]} ${clock(during[0])}–${clock(during[1])}</th>
                  <th class="right">${t.signals.columns[3]}</th>
                  <th class="right">${t.signals.columns[4]}</th>
                </tr>
              </thead>
              <tbody>
                ${series.map((one) => {
                  const a = mean(within(one, before)),
                    b = mean(within(one, during)),
                    known = a !== null && b !== null;
                  return html`<tr key=${one.of}>
                    <th><i class=${`swatch c${one.colour}`}></i> ${one.name} <span class="quiet">${one.subject}</span></th>
                    <td class="right">${quantity(a, one.unit)}</td>
                    <td class="right">${quantity(b, one.unit)}</td>
                    <td class="right">${known ? (b > a ? "+" : "") + quantity(b - a, one.unit) : "–"}</td>
                    <td class="right">${known && a !== 0 ? `×${digits(b / a)}` : "–"}</td>
                  </tr>`;
                })}
              </tbody>
            </table>
          </div>`
        : html`<p class="small quiet">${t.signals.compareLead}</p>`
    }
  </section>`;
}
