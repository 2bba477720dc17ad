// The debrief in short: what it was, what you said, how it could be told, what would have helped. To be read in half a minute.
import { clock, clockEnd, duration, quantity } from "../format.js";
import { html } from "../lib.js";
import { MarkKey } from "../marks.js";
import { Badge, Outcome } from "../parts.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";
import { Course } from "./courses.js";
import { Helps } from "./outcomes.js";

const MOST_SHOWN = 3,
  FEW_SHOWN = 2;
/** What shows the fault itself comes before what it brings about. */
const SOURCES = ["witness", "reference", "effect"];
/** Of each part of an answer: what was named, and what was right. */
const PARTS = ["culprit", "kind", "boundary", "onset"];

/**
 * The signals that showed each fault best, as `{fault, best}`, each with its levels as far as they are known. With one
 * fault whatever stood out counts; of several, each has the evidence of its own.
 */
function shown({ evidence = [], effects = [], truth }) {
  const faults = truth.faults || [];
  const ranked = [...evidence]
    .filter((one) => one.first_visible_s !== null)
    .sort((one, other) => SOURCES.indexOf(one.source) - SOURCES.indexOf(other.source) || one.first_visible_s - other.first_visible_s);
  const most = faults.length > 1 ? FEW_SHOWN : MOST_SHOWN;
  return faults.map((fault) => {
    const moved = effects.find((one) => one.id === fault.id)?.moved || [];
    const level = (one) => moved.find((item) => item.signal === one.signal && item.subject === one.subject);
    const own = faults.length > 1 ? ranked.filter((one) => one.fault === fault.id) : ranked;
    // Where nothing stood out at a moment that is known, what moved most.
    return { fault, best: (own.length ? own : moved).slice(0, most).map((one) => ({ ...one, ...level(one) })) };
  });
}

/** Times of a graded onset, such as `312–315 s`, as the clock shows them. */
export function asClock(text) {
  const moment = (part) => {
    const found = /^(-?[\d.]+)(?:–([\d.]+))? s$/.exec(part);
    return found ? [found[1], found[2]].filter(Boolean).map((time) => clock(Number(time))).join("–") : part;
  };
  return text?.split(", ").map(moment).join(", ");
}

function WhatItWas({ data }) {
  const { faults = [], degraded } = data.truth;
  if (!faults.length) return html`<p><b>${degraded ? t.debrief.degraded : t.debrief.healthy}</b> ${degraded?.element || ""}</p>`;
  return html`<p>${data.exercise?.what ? `${data.exercise.what}.` : ""}</p>
    ${faults.map((one) => html`<p key=${one.id}>${t.short.was(html`<b>${one.culprit}</b>`, html`<b>${one.kind}</b>`, one.boundary, clock(one.injected_s))}</p>`)}`;
}

const isPartly = ({ outcome, value }) => outcome !== "pass" && value > 0 && value < 1;

function WhatYouSaid({ you, decoys }) {
  if (!you) return null;
  const grade = (axis) => (you.grades || []).find((one) => one.axis === axis);
  const parts = PARTS.map(grade).filter(Boolean);
  const blamed = decoys.filter((one) => (you.findings || []).some((finding) => finding.culprit === one.element));
  const isMisled = grade("decoy-blamed")?.outcome === "fail";
  return html`${!you.findings?.length && html`<p>${t.short.verdicts[you.verdict] || you.verdict}</p>`}
    <ul class="plainlist">
      ${parts.map(
        (one) =>
          html`<li key=${one.axis}>
            ${isPartly(one) ? html`<${Badge} kind="warn">◐ ${t.debrief.axes[one.axis]}, ${t.short.partly}<//>` : html`<${Outcome} of=${one.outcome} text=${t.debrief.axes[one.axis]} />`} ${asClock(one.answer)}${" "}
            ${one.outcome !== "pass" && html`<span class="quiet">${t.short.right(asClock(one.expected))}</span>`}
          </li>`,
      )}
    </ul>
    ${isMisled && blamed.map((one) => html`<p key=${one.id} class="small">${t.short.misled(one.kind.replaceAll("-", " "), one.element, clock(one.at_s))}</p>`)}`;
}

function Showed({ one, fault, end_s }) {
  const { id, isPast } = useSession();
  const first_s = one.first_visible_s ?? fault.injected_s,
    last_s = Math.min(fault.reverted_s ?? end_s, end_s);
  const isWindow = fault.injected_s > 0 && first_s < last_s;
  const windows = { before: `0,${fault.injected_s}`, during: `${first_s},${last_s}` };
  const address = `#/session/${encodeURIComponent(id)}/signals?${new URLSearchParams({ of: `${one.signal}:${one.subject}`, ...(isWindow ? windows : {}) })}`;
  const late = one.looked_s === null || one.looked_s === undefined ? null : Math.max(0, one.looked_s - one.first_visible_s);
  return html`<li>
    ${isPast ? html`<b>${one.signal}</b> ${one.subject}` : html`<a href=${address}><b>${one.signal}</b> ${one.subject}</a>`}${one.with !== undefined && html` <span class="number">${quantity(one.before, one.unit)} → ${quantity(one.with, one.unit)}</span>`}
    <small class="block"
      >${one.doc}.${one.first_visible_s !== undefined && ` ${t.short.since(clockEnd(one.first_visible_s))} ${late === null ? t.short.neverLooked : t.short.looked(clockEnd(one.looked_s), duration(late))}`}</small
    >
  </li>`;
}

/** How an engine that was right came to it; nothing where none was. */
function Reasoning({ answers }) {
  const right = answers.find((one) => one.who !== "you" && one.outcome === "pass" && one.findings?.[0]?.why?.length > 1);
  if (!right) return null;
  return html`<details>
    <summary class="small">${t.short.reasoning(right.who)}</summary>
    <ol class="small steps">
      ${right.findings[0].why.map((line) => html`<li key=${line}>${line}</li>`)}
    </ol>
  </details>`;
}

export function Short({ data, end_s }) {
  const { answers = [], helps = [], truth } = data;
  const told = shown(data).filter(({ best }) => best.length),
    you = answers.find((one) => one.who === "you");
  return html`<section class="card short" aria-label=${t.short.title}>
    <div>
      <h2>${t.short.what}</h2>
      <${WhatItWas} data=${data} />
    </div>
    <div>
      <h2>${t.short.you}</h2>
      <${WhatYouSaid} you=${you} decoys=${truth.decoys || []} />
    </div>
    ${
      told.length > 0 &&
      html`<div>
        <h2>${t.short.showed}</h2>
        ${told.map(
          ({ fault, best }) =>
            html`${told.length > 1 && html`<h3>${fault.culprit}: ${fault.kind}</h3>`}
              <ul class="plainlist" key=${fault.id}>
                ${best.map((one) => html`<${Showed} key=${one.signal + one.subject} one=${one} fault=${fault} end_s=${end_s} />`)}
              </ul>`,
        )}
        <${Reasoning} answers=${answers} />
      </div>`
    }
    ${
      helps.length > 0 &&
      html`<div>
        <h2>${t.debrief.helps}</h2>
        <${Helps} helps=${helps} />
      </div>`
    }
  </section>`;
}

/** The signal that showed it best, with the fault and without it; nothing where that was not recorded. */
export function FirstShown({ data, end_s }) {
  const series = shown(data)
    .flatMap(({ best }) => best)
    .map((one) => ({ ...one, found: data.series?.find((item) => item.signal === one.signal && item.subject === one.subject) }))
    .find((one) => one.found);
  if (!series) return null;
  const { found } = series;
  const marks = [
    ...(data.truth.faults || []).map((one) => ({ at: one.injected_s, kind: "fault" })),
    ...(data.timeline || []).filter((one) => one.kind === "alert").map((one) => ({ at: one.time_s, kind: "alert" })),
    ...(data.timeline || []).filter((one) => one.kind === "change").map((one) => ({ at: one.time_s, kind: "change" })),
    ...(data.actions || []).map((one) => ({ at: one.done_s, kind: "action" })),
  ];
  return html`<figure class="card">
    <${MarkKey} marks=${marks} />
    <figcaption><b>${found.signal}</b> ${found.subject} <small class="block">${t.short.chart(clockEnd(series.first_visible_s ?? null))}</small></figcaption>
    <${Course} of=${found} marks=${marks} end_s=${end_s} height=${170} />
  </figure>`;
}
