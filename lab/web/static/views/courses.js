// How signals went: with your actions, as it was, and without the fault.
import { Chart } from "../chart.js";
import { html } from "../lib.js";
import { MarkKey } from "../marks.js";
import { t } from "../texts.js";

/** Of each way that it went, in the order of the legend. */
const COLOURS = { with_actions: 0, as_it_was: 1, without_fault: 2 };
/** A way that it went, in words: where something was done, "as it was" would be read as what one lived through. */
const wayName = (kind, signal) =>
  kind === "as_it_was" && Array.isArray(signal.with_actions) ? t.debrief.series.without_actions : t.debrief.series[kind];

/** A signal in each way that it went, as far as they are known. */
export function Course({ of, marks, end_s, height = 150 }) {
  const kinds = Object.keys(COLOURS).filter((kind) => Array.isArray(of[kind]));
  return html`<${Chart}
    unit=${of.unit || ""}
    range=${[0, end_s]}
    marks=${marks}
    height=${height}
    label=${[of.signal || of.sli, of.subject].filter(Boolean).join(" ")}
    series=${kinds.map((kind) => ({ label: wayName(kind, of), times_s: of.times_s, values: of[kind], colour: COLOURS[kind], dashed: kind === "without_fault" }))}
  />`;
}

export function Courses({ series, marks, end_s, hasFault }) {
  return html`<section class="stack tight">
    <div>
      <h2>${t.debrief.courses}</h2>
      <p class="quiet small">${t.debrief.coursesLead[series.some((one) => Array.isArray(one.with_actions)) ? "acted" : hasFault ? "fault" : "plain"]}</p>
    </div>
    <${MarkKey} marks=${marks} />
    <div class="charts">
      ${series.map(
        (one) =>
          html`<figure class="card">
            <figcaption><b>${one.signal || one.sli}</b> <span class="quiet small">${one.subject || ""}</span></figcaption>
            <${Course} of=${one} marks=${marks} end_s=${end_s} />
          </figure>`,
      )}
    </div>
  </section>`;
}
