// The debrief: the truth, the answers beside it, what moved, when it could be seen, what was done, what it cost.
import { clock, clockEnd, digits, duration, quantity } from "../format.js";
import { useLive } from "../hooks.js";
import { html } from "../lib.js";
import { Answer, Badge, named } from "../parts.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";
import { Courses } from "./courses.js";
import { Answers, byWeight } from "./graded.js";
import { Detection, Suspicions } from "./noticed.js";
import { Actions } from "./outcomes.js";
import { FirstShown, Short } from "./short.js";
import { Timeline } from "./timeline.js";

function Truth({ truth }) {
  const { faults = [], decoys = [], degraded, changes = [] } = truth;
  return html`<section class="card truth stack tight">
    <h2>${t.debrief.truth}</h2>
    ${!faults.length && html`<p><b>${degraded ? t.debrief.degraded : t.debrief.healthy}</b> ${degraded?.element || ""}</p>`}
    ${faults.map(
      (one) =>
        html`<dl class="facts">
            ${[
              [t.debrief.culprit, html`<b>${one.culprit}</b>`],
              [t.debrief.boundary, html`<b>${one.boundary}</b>`],
              [t.debrief.kind, html`<b>${one.kind}</b>`],
              [t.debrief.injected, clock(one.injected_s)],
              [t.debrief.effect, (one.first_effect_s ?? one.witnessed_s ?? null) === null ? null : clockEnd(one.first_effect_s ?? one.witnessed_s)],
              [t.debrief.reverted, clockEnd(one.reverted_s)],
              [
                t.debrief.parameters,
                Object.entries(one.parameters || {})
                  .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)
                  .join(", "),
              ],
            ]
              .filter(([, value]) => value)
              .map(
                ([name, value]) =>
                  html`<dt>${name}</dt>
                    <dd>${value}</dd>`,
              )}
          </dl>
          ${one.doc && html`<p class="small">${named(one.doc)}</p>`}`,
    )}
    ${decoys.length > 0 && html`<p class="small quiet">${t.debrief.decoys}: ${decoys.map((one) => `${one.kind.replaceAll("-", " ")}, ${t.debrief.where(one.element, clock(one.at_s))}`).join("; ")}.</p>`}
  ${changes.length > 0 && html`<h3>${t.debrief.announced}</h3><ul class="plainlist small">${changes.map((one) => html`<li><span class="number">${clock(one.time_s)}</span> ${one.element}, ${one.summary}: <b>${t.debrief.changeOf[one.of] || one.of}</b></li>`)}</ul>`}
  </section>`;
}

/** Whether times were counted, which they are from the fault's begin or the call, whichever was later. */
const isCounted = (times) => times && typeof times.onset_s === "number" && typeof times.called_s === "number";

/** When it was, or how long it took; what never came in words. Of a control only when one was called and answered. */
function timesOf(times, end_s, outcomes = []) {
  const isPutBack = outcomes.length > 0 && outcomes.every((one) => one.put_back_by === "actions");
  if (!times) return [];
  if (!isCounted(times)) return [[t.debrief.timesOf.called_s, clock(times.called_s)], ...(times.answered_at_s ? [[t.debrief.answeredAt, clockEnd(times.answered_at_s)]] : [])];
  return Object.entries(t.debrief.timesOf)
    .filter(([name]) => name in times)
    .map(([name, text]) => {
      if (times[name] === null) return [text, t.debrief.open[name === "mitigate_s" && isPutBack ? "put_back" : name]?.(clockEnd(end_s)) ?? t.none];
      return [text, ["onset_s", "called_s"].includes(name) ? clock(times[name]) : duration(times[name])];
    });
}

function Score({ score, times, hints, end_s, outcomes }) {
  const points = score?.points;
  return html`<section class="card stack tight">
    <h2>${t.debrief.score}</h2>
    <p class="points">
      <b class="number">${points === null || points === undefined ? "–" : Math.round(points)}</b> <span>${t.debrief.points}</span>
      <small>${t.debrief.hints(score?.hints ?? hints ?? 0)}</small>
    </p>
    ${
      score?.by_axis &&
      html`<ul class="axes">
        ${byWeight(Object.entries(score.by_axis), ([axis]) => axis).map(([axis, value]) => html`<li><span>${t.debrief.axes[axis] || axis}</span><b class="number">${typeof value === "object" && value ? `${digits(value.points)} / ${digits(value.most ?? value.of)}` : digits(value)}</b></li>`)}
      </ul>`
    }
    ${
      score?.formula &&
      html`<details>
        <summary class="small">${t.debrief.formula}</summary>
        <p class="small quiet">${score.formula}</p>
      </details>`
    }
    <h3>${t.debrief.times}</h3>
    ${isCounted(times) && html`<p class="small quiet">${times.onset_s > times.called_s ? t.debrief.timesFrom.onset(clock(times.onset_s)) : t.debrief.timesFrom.call(clock(times.called_s))}</p>`}
    <dl class="facts">
      ${timesOf(times, end_s, outcomes).map(
        ([text, when]) =>
          html`<dt>${text}</dt>
            <dd>${when}</dd>`,
      )}
    </dl>
  </section>`;
}

function Effects({ effects }) {
  return html`<section class="card stack tight">
    <h2>${t.debrief.effects}</h2>
    <p class="quiet small">${t.debrief.effectsLead}</p>
    ${effects.map(
      (effect) =>
        html`${effects.length > 1 && html`<h3>${effect.fault}</h3>`}${
          effect.moved?.length
            ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t.debrief.effects}>
                <table class="table">
                  <thead>
                    <tr>
                      ${t.debrief.columns.map((name, i) => html`<th class=${i > 1 ? "right" : ""}>${name}</th>`)}
                    </tr>
                  </thead>
                  <tbody>
                    ${effect.moved.map(
                      (one) =>
                        html`<tr>
                          <th>${one.signal}<small class="block">${one.doc}</small></th>
                          <td>${one.subject}</td>
                          ${["before", "with", "without"].map((level) => html`<td class="right">${quantity(one[level], one.unit)}</td>`)}
                        </tr>`,
                    )}
                  </tbody>
                </table>
              </div>`
            : html`<p class="empty">${t.debrief.noEffects}</p>`
        }`,
    )}
  </section>`;
}

function Seen({ evidence, id }) {
  return html`<section class="card stack tight">
    <h2>${t.debrief.evidence}</h2>
    <p class="quiet small">${t.debrief.evidenceLead}</p>
    <div class="scroll" tabindex="0" role="region" aria-label=${t.debrief.evidence}>
      <table class="table">
        <thead>
          <tr>
            ${t.debrief.evidenceColumns.map((name) => html`<th>${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${evidence.map(
            (one) =>
              html`<tr>
                <th>
                  ${id ? html`<a href=${`#/session/${encodeURIComponent(id)}/signals?${new URLSearchParams({ of: `${one.signal}:${one.subject}` })}`}>${one.signal}</a>` : one.signal}
                </th>
                <td>${one.subject}</td>
                <td class="number">${clockEnd(one.first_visible_s)}</td>
                <td class="number">${one.looked_s === null || one.looked_s === undefined ? t.debrief.never : clockEnd(one.looked_s)}</td>
                <td class="number">
                  ${one.looked_s === null || one.looked_s === undefined || one.first_visible_s === null ? "" : duration(Math.max(0, one.looked_s - one.first_visible_s))}
                </td>
                <td>${one.cited ? html`<${Badge} kind="ok">✓ ${t.debrief.yes}<//>` : html`<span class="quiet">${t.debrief.no}</span>`}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** Limits that would have alerted earlier than what did, or where nothing did. */
function Monitoring({ of: { first_alert_s, missing } }) {
  return html`<section class="card stack tight">
    <h2>${t.debrief.monitoring}</h2>
    <p class="small quiet">${first_alert_s === null ? t.debrief.noAlert : t.debrief.firstAlert(clockEnd(first_alert_s))}</p>
    <ul class="plainlist">
      ${missing.map((one) => html`<li><b>${one.signal}</b> ${one.subject} ${t.debrief.sides[one.side] || one.side} ${quantity(one.limit, one.unit)} <span class="quiet">${t.debrief.wouldAlert(clockEnd(one.alert_s), one.earlier_s === null ? "" : duration(one.earlier_s))}</span></li>`)}
    </ul>
  </section>`;
}

/** What was saved; in words where it is less than nothing. */
const saved = (amount, unit) => (amount < 0 ? t.debrief.nothingSaved(quantity(-amount, unit)) : quantity(amount, unit));
/** The columns of costs: what applies here. */
const columnsOf = (costs, hasActed) =>
  Object.keys(t.debrief.costColumns).filter((name) => costs.some((one) => one[name] !== null && one[name] !== undefined) && (name !== "saved" || hasActed));
/** The name of a cost without the unit at its end, which stands beside the number. */
const costName = ({ name, unit }) => (name.endsWith(`_${unit.toLowerCase()}`) ? name.slice(0, -unit.length - 1) : name).replaceAll("_", " ");

function Costs({ costs, hasActed }) {
  const columns = columnsOf(costs, hasActed);
  return html`<section class="card stack tight">
    <h2>${t.debrief.costs}</h2>
    <p class="small quiet">${t.debrief.costsLead}</p>
    <div class="scroll" tabindex="0" role="region" aria-label=${t.debrief.costs}>
      <table class="table labelled" aria-label=${t.debrief.costs}>
        <thead>
          <tr>
            <th></th>
            ${columns.map((name) => html`<th class="right">${t.debrief.costColumns[name]}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${costs.map(
            (one) =>
              html`<tr key=${one.name}>
                <th>${costName(one)}<small class="block">${one.doc}</small></th>
                ${columns.map((name) => html`<td class="right" data-label=${t.debrief.costColumns[name]}>${name === "saved" ? saved(one.saved, one.unit) : quantity(one[name], one.unit)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${costs.some((one) => one.incident < 0) && html`<p class="small quiet">${t.debrief.better}</p>`}
  </section>`;
}

export function Debrief() {
  const { base, id, session, isPast } = useSession();
  const found = useLive(session.status === "released" ? `${base}/debrief` : null, session.status);
  if (session.status === "answered") return html`<p class="empty">${t.debrief.meanwhile}</p>`;
  if (session.status !== "released") return html`<p class="note">${t.debrief.notYet}</p>`;
  return html`<${Answer} of=${found}
    >${(data) => {
      const { faults = [] } = data.truth,
        end_s = data.end_s;
      const marks = [
        ...faults.map((one) => ({ at: one.injected_s, kind: "fault" })),
        ...(data.actions || []).map((one) => ({ at: one.done_s ?? one.at_s, kind: "action" })),
      ];
      return html`<div class="row apart">
          <div>
            <h1>${t.debrief.title}</h1>
          </div>
          <div class="row">
            <a class="button" href="#/">${t.debrief.nextExercise}</a
            ><a class="button primary" href=${`#/${isPast ? "past" : "session"}/${encodeURIComponent(id)}/postmortem`}>${t.debrief.toPostmortem}</a>
          </div>
        </div>
        <div class="beside-truth">
          <${Short} data=${data} end_s=${end_s} /><${Score} score=${data.score} times=${data.times} hints=${session.score_cost} end_s=${end_s} outcomes=${data.outcomes} />
        </div>
        <div class="halves"><${Truth} truth=${data.truth} /><${FirstShown} data=${data} end_s=${end_s} /></div>
        <${Detection} of=${data.detection} /><${Suspicions} of=${data.suspicions} />
        <${Answers} answers=${data.answers || []} />
        <${Timeline} events=${data.timeline || []} faults=${faults} end_s=${end_s} />
        ${data.series?.length > 0 && html`<${Courses} series=${data.series} marks=${marks} end_s=${end_s} hasFault=${faults.length > 0} />`}
        <${Actions} data=${data} />
        ${data.costs?.length > 0 && html`<${Costs} costs=${data.costs} hasActed=${data.actions?.length > 0 && data.truth.faults.length > 0} />`}
        ${data.evidence?.length > 0 && html`<${Seen} evidence=${data.evidence} id=${isPast ? null : id} />`}
        ${data.monitoring?.missing?.length > 0 && html`<${Monitoring} of=${data.monitoring} />`}
        ${data.effects?.length > 0 && html`<${Effects} effects=${data.effects} />`}`;
    }}<//
  >`;
}
