// What was done against each fault, what that did, and what became of it.
import { clock, clockEnd } from "../format.js";
import { html } from "../lib.js";
import { Badge } from "../parts.js";
import { t } from "../texts.js";

const kind = ({ helped, worse }) => (helped === true ? "ok" : helped === false || worse ? "bad" : "");
const verdict = ({ helped, worse }) => (worse ? t.became.worse : t.debrief.helped[String(helped ?? null)]);

/** A remedy in words: what, where, with which value. */
const remedyText = (one) =>
  [one.title || one.remedy, one.place, one.value].filter((part) => part !== null && part !== undefined).join(", ");

/** The remedies that help. */
export function Helps({ helps }) {
  return html`<ul class="plainlist">
    ${helps.map((one) => html`<li key=${one.remedy + one.place}>${remedyText(one)}</li>`)}
  </ul>`;
}

/** One thing that was done; of several faults it is told of each by itself. */
function Action({ one }) {
  const faults = one.faults || [];
  return html`<li>
    <span class="number">${clock(one.done_s ?? one.at_s)}</span><${Badge} kind=${kind(one)}>${verdict(one)}<//>
    <span class="grow"
      ><b>${one.title || one.remedy}</b>${" "}
      <span class="quiet">${one.place}${one.value === null || one.value === undefined ? "" : `, ${one.value}`}</span>
      ${
        faults.length > 1
          ? html`<ul class="plainlist small">
              ${faults.map((fault) => html`<li key=${fault.id}><${Badge} kind=${kind(fault)}>${verdict(fault)}<//> <b>${fault.fault}</b> <span class="quiet">${fault.why}</span></li>`)}
            </ul>`
          : one.why && html`<small class="block">${one.why}</small>`
      }</span
    >
  </li>`;
}

/** When each fault was over, and why: by what was done, by itself, or not at all. */
function Outcomes({ outcomes }) {
  if (!outcomes?.length) return null;
  return html`<h3>${t.became.title}</h3>
    <p class="small quiet">${t.became.lead}</p>
    <ul class="plainlist small">
      ${outcomes.map((one) => html`<li key=${one.id}><b>${one.fault}</b> ${one.over_s === null ? (one.put_back_by === "actions" ? t.became.putBack(clockEnd(one.ended_s)) : t.became.never) : (t.became.over[one.by] || t.became.over.null)(clockEnd(one.over_s))}</li>`)}
    </ul>`;
}

export function Actions({ data: { actions, helps, outcomes, truth } }) {
  return html`<section class="card stack tight">
    <h2>${t.debrief.actions}</h2>
    ${
      actions?.length
        ? html`<ul class="pager">
            ${actions.map((one) => html`<${Action} key=${one.id} one=${one} />`)}
          </ul>`
        : html`<p class="empty">${truth.faults?.length ? t.debrief.noActions : t.debrief.noActionsNeeded}</p>`
    }
    <${Outcomes} outcomes=${outcomes} />
    ${
      helps?.length > 0 &&
      html`<h3>${t.debrief.helps}</h3>
        <${Helps} helps=${helps} />`
    }
  </section>`;
}
