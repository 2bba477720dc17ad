// Answers beside the truth and beside each other, axis by axis, with reasons.
import { digits } from "../format.js";
import { html } from "../lib.js";
import { Outcome } from "../parts.js";
import { t } from "../texts.js";
import { asClock } from "./short.js";

/** What counts most first, in the order in which the texts name the axes. */
const AXES = Object.keys(t.debrief.axes);
export const byWeight = (items, axis) => [...items].sort((one, other) => AXES.indexOf(axis(one)) - AXES.indexOf(axis(other)));

const LONGEST = 44;

/** One answer on one axis: its outcome and what it said; why, when it is unfolded. One's own is unfolded at first. */
function Graded({ grade, isOpen }) {
  if (!grade) return html`<span class="quiet">–</span>`;
  const answer = asClock(grade.answer || ""),
    short = answer.length > LONGEST ? `${answer.slice(0, LONGEST - 1)}…` : answer;
  return html`<details class="graded" open=${isOpen}>
    <summary><${Outcome} of=${grade.outcome} /> ${short}</summary>
    ${short !== answer && html`<p class="small">${answer}</p>`}
    <p class="small quiet">${grade.why || grade.explanation}</p>
  </details>`;
}

export function Answers({ answers }) {
  const axes = byWeight([...new Set(answers.flatMap((one) => (one.grades || []).map((grade) => grade.axis)))], (axis) => axis);
  const name = (who) => (who === "you" ? t.debrief.you : t.debrief.engine(who));
  const of = (one, axis) => (one.grades || []).find((grade) => grade.axis === axis);
  const said = (one) =>
    one.findings?.length
      ? one.findings
          .slice(0, 2)
          .map(
            (finding) =>
              html`<span class="block"
                >${finding.culprit}: ${finding.kind} <small>${finding.boundary}, ${digits(100 * finding.confidence)} %</small></span
              >`,
          )
      : html`<span class="quiet">${t.debrief.noFindings}</span>`;
  const expected = (axis) => answers.map((one) => of(one, axis)?.expected).find(Boolean);
  return html`<section class="card stack tight">
    <div>
      <h2>${t.debrief.answers}</h2>
      <p class="small quiet">${t.debrief.answersLead}</p>
    </div>
    <div class="scroll" tabindex="0" role="region" aria-label=${t.debrief.answers}>
      <table class="table answers labelled">
        <thead>
          <tr>
            <th>${t.debrief.axis}</th>
            ${axes.some(expected) && html`<th>${t.debrief.expected}</th>`}${answers.map((one) => html`<th>${name(one.who)}${one.without_actions && html`<small class="block">${t.debrief.withoutActions}</small>`}</th>`)}
          </tr>
        </thead>
        <tbody>
          <tr>
            <th>${t.debrief.whole}</th>
            ${axes.some(expected) && html`<td data-label=${t.debrief.expected}></td>`}${answers.map(
              (one) =>
                html`<td data-label=${name(one.who)}>
                  ${one.outcome && html`<${Outcome} of=${one.outcome} /> `}${one.verdict}
                  <div class="small">${said(one)}</div>
                </td>`,
            )}
          </tr>
          ${axes.map(
            (axis) =>
              html`<tr>
                <th>${t.debrief.axes[axis] || axis}</th>
                ${axes.some(expected) && html`<td data-label=${t.debrief.expected}>${asClock(expected(axis))}</td>`}${answers.map((one) => html`<td data-label=${name(one.who)}><${Graded} grade=${of(one, axis)} isOpen=${one === answers[0]} /></td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
