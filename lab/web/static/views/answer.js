// The answer, in the form in which every engine answers: verdict and findings.
import { ROOT } from "../api.js";
import { Chart } from "../chart.js";
import { TimeField } from "../fields.js";
import { clock, clockEnd, digits, endClock, quantity } from "../format.js";
import { useKept, useLive } from "../hooks.js";
import { html, useState } from "../lib.js";
import { Choice, Dialog, Field } from "../parts.js";
import { isCitable, useBoard } from "../pins.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";
import { useAlerts, useCourses, useMarks, useSlis } from "./overview.js";

/** The evidence of a finding in which nobody ticked anything yet. */
const NOT_CHOSEN = null;
const FRESH = { culprit: "", boundary: "", kind: "", onset_s: "", onset_refused: "", confidence: 0.7, evidence: NOT_CHOSEN, why: "" };
const MOST_CHARTS = 3,
  MOST_PINNED = 6;

export function useVocabulary() {
  return useLive(`${ROOT}/vocabulary`, "always").data || { boundaries: [], kinds: [], verdicts: [] };
}

/** Everything that can be blamed: components, the users, links. */
export function useElements() {
  const { base, version } = useSession();
  const system = useLive(`${base}/system`, version).data;
  if (!system) return [];
  const users = typeof system.users === "string" ? system.users : system.users?.name;
  return [...new Set([...system.components.map((one) => one.name), users, ...system.links.map((one) => one.name)])].filter(Boolean);
}

/** What is still missing before a finding can be sent. */
const missing = (one) => ["culprit", "boundary", "kind"].filter((part) => !one[part]);

const factOf = ({ ref: { signal, subject, is_chosen = false, baseline, observed } }) => ({ signal, subject, is_chosen, baseline, observed });

/** The pins that can be cited, one of each signal. */
const citable = (pins) => [...new Map(pins.filter(isCitable).map((pin) => [`${pin.ref.signal}:${pin.ref.subject}`, pin])).values()];

/** What a finding cites: what was ticked; before anybody ticks, what was pinned for a hypothesis that may still hold. */
function cited({ evidence, hypothesis }, { pins, hypotheses }) {
  if (evidence !== NOT_CHOSEN) return evidence;
  const isOut = (id) => hypotheses.some((one) => one.id === id && one.state === "ruled-out");
  const fits = (pin) => (hypothesis ? pin.hypothesis === hypothesis : !isOut(pin.hypothesis));
  return citable(pins.filter((pin) => pin.stance === "for" && fits(pin))).map(factOf);
}

/** What is answered to what the exercise asks beside the diagnosis; nothing where it was left empty. */
const beside = ({ detection }) => (detection?.noticed_by || detection?.why?.trim() ? { detection: { noticed_by: detection.noticed_by || null, why: detection.why || "" } } : {});

function diagnosis({ verdict, findings, ...draft }, board) {
  return {
    schema_version: 1,
    verdict,
    ...beside(draft),
    findings:
      verdict === "fault"
        ? findings.map((one) => ({
            culprit: one.culprit,
            boundary: one.boundary,
            kind: one.kind,
            onset_s: one.onset_s === "" ? null : Number(one.onset_s),
            confidence: Number(one.confidence),
            evidence: cited(one, board)
              // Levels that were not chosen are taken by the server from the signal around the onset, where there is one.
              .map(({ signal, subject, is_chosen, baseline, observed }) =>
                is_chosen || one.onset_s === "" ? { signal, subject, baseline, observed } : { signal, subject },
              ),
            why: one.why
              .split("\n")
              .map((line) => line.trim())
              .filter(Boolean),
          }))
        : [],
  };
}

/** The signals that were pinned last, with their series so far where there are, but for those of `slis` that are shown anyway. */
function usePinned(slis) {
  const named = ({ name, subject }) => `${name}:${subject}`;
  const shown = slis.slice(0, MOST_CHARTS).map(named);
  const pinned = citable(useBoard().pins)
    .map(({ ref: { signal, subject } }) => ({ name: signal, subject }))
    .filter((one) => !shown.includes(named(one)))
    .slice(-MOST_PINNED);
  const courses = useCourses(pinned.map(named));
  return pinned
    .map((one, i) => ({ ...one, unit: courses[i].unit, series: { label: one.name, ...courses[i] } }))
    .filter((one) => one.unit);
}

function Onset({ value, refused, onChange }) {
  const { session } = useSession();
  const alerts = useAlerts().data?.alerts || [];
  const slis = useSlis(),
    marks = useMarks(),
    pinned = usePinned(slis);
  const first = alerts.find((one) => one.state === "firing");
  const set = (onset_s) => onChange({ onset_s, onset_refused: "" });
  const pick = (time) => set(String(Math.min(session.clock.end_s, Math.max(0, Math.round(time)))));
  // What cannot be read is no onset: an earlier one must not be sent in its place.
  const refuse = (onset_refused) => onChange(onset_refused ? { onset_s: "", onset_refused } : { onset_refused });
  return html`<div class="stack tight">
    <div class="row end">
      <${TimeField} label=${t.answer.onset} name="onset" value=${value} onCommit=${set} refused=${refused} onRefuse=${refuse} />
      <button type="button" onClick=${() => pick(session.clock.as_of_s)}>${t.answer.onsetNow} ${clockEnd(session.clock.as_of_s)}</button
      >${first && html`<button type="button" onClick=${() => pick(first.time_s)}>${t.answer.onsetAlert} ${clock(first.time_s)}</button>`}
    </div>
    ${value !== "" && Number(value) > session.clock.now_s && html`<p class="small wrong" role="status">${t.answer.afterNow(endClock(session.clock.now_s))}</p>`}
    <p class="small quiet">${t.answer.noOnset} ${t.answer.onsetChart}.</p>
    <div class="charts">
      ${[...pinned, ...slis.slice(0, MOST_CHARTS)].map(
        (sli) =>
          html`<figure key=${`${sli.name}:${sli.subject}`}>
            <figcaption class="small">${sli.name} <span class="quiet">${sli.subject}</span></figcaption>
            <${Chart}
              series=${[sli.series]}
              unit=${sli.unit}
              range=${[0, session.clock.end_s]}
              height=${110}
              legend=${false}
              onPoint=${pick}
              marks=${value === "" ? marks : [...marks, { at: Number(value), kind: "fault" }]}
              label=${t.answer.onsetChart}
            />
          </figure>`,
      )}
    </div>
  </div>`;
}

/** Pinned charts as facts that can be cited: which signal, and its two levels. */
function Evidence({ evidence, onset, onChange }) {
  const all = useBoard().pins;
  const pins = all.filter(isCitable);
  const same = (pin) => (fact) => fact.signal === pin.ref.signal && fact.subject === pin.ref.subject;
  const unique = citable(all);
  const toggle = (pin) => onChange(evidence.some(same(pin)) ? evidence.filter((fact) => !same(pin)(fact)) : [...evidence, factOf(pin)]);
  const said = ({ is_chosen, baseline, observed, unit }) =>
    is_chosen || onset === "" ? `${quantity(baseline, unit)} → ${quantity(observed, unit)}` : t.answer.aroundOnset;
  return html`<fieldset class="stack tight">
    <legend>${t.answer.evidence}</legend>
    ${unique.map(
      (pin) =>
        html`<label class="check evidence" key=${pin.id}
          ><input type="checkbox" checked=${evidence.some(same(pin))} onChange=${() => toggle(pin)} /><span
            >${pin.ref.signal} <span class="quiet">${pin.ref.subject}, ${said(pin.ref)}</span></span
          ></label
        >`,
    )}
    <p class="small quiet">
      ${t.answer.evidenceDoc} ${unique.length ? t.answer.evidenceTicked : t.answer.noEvidence} ${all.length > pins.length ? t.answer.otherPins(all.length - pins.length) : ""}
    </p>
  </fieldset>`;
}

function Finding({ one, number, count, onChange, onRemove }) {
  const elements = useElements(),
    vocabulary = useVocabulary(),
    board = useBoard(),
    { kinds } = vocabulary;
  const boundaries = vocabulary.boundaries.filter((item) => kinds.some((kind) => kind.boundary === item.name));
  const set = (name) => (value) => onChange({ ...one, [name]: value });
  const fitting = kinds.filter((kind) => !one.boundary || kind.boundary === one.boundary);
  const boundary = boundaries.find((item) => item.name === one.boundary),
    kind = kinds.find((item) => item.name === one.kind);
  return html`<section class="card stack tight finding">
    <div class="row apart">
      <h2>${count > 1 ? t.answer.finding(number) : t.answer.finding(1)}</h2>
      ${count > 1 && html`<button type="button" class="plain danger" onClick=${onRemove}>${t.answer.removeFinding}</button>`}
    </div>
    <div class="fields">
      <div>
        <${Choice} label=${t.answer.culprit} value=${one.culprit} empty=${t.answer.choose} options=${elements} onChange=${set("culprit")} />
        <p class="small quiet">${t.answer.culpritDoc}</p>
      </div>
      <div>
        <${Choice}
          label=${t.answer.boundary}
          value=${one.boundary}
          empty=${t.answer.choose}
          options=${boundaries.map((item) => item.name)}
          onChange=${(value) => onChange({ ...one, boundary: value, kind: kinds.find((item) => item.name === one.kind)?.boundary === value ? one.kind : "" })}
        />
        <p class="small quiet">${boundary?.doc}</p>
      </div>
      <div>
        <${Choice}
          label=${t.answer.kind}
          value=${one.kind}
          empty=${one.boundary ? t.answer.choose : t.answer.kindEmpty}
          options=${fitting.map((item) => item.name)}
          onChange=${(value) => onChange({ ...one, kind: value, boundary: one.boundary || kinds.find((item) => item.name === value)?.boundary || "" })}
        />
        <p class="small quiet">${kind?.doc}</p>
      </div>
      <${Field} label=${`${t.answer.confidence}: ${Math.round(100 * one.confidence)} %`}
        ><input
          type="range"
          name="confidence"
          min="0.05"
          max="1"
          step="0.05"
          value=${one.confidence}
          aria-valuetext=${`${Math.round(100 * one.confidence)} %`}
          onInput=${(event) => set("confidence")(Number(event.target.value))}
      /><//>
    </div>
    <details open=${!one.boundary}>
      <summary class="small">${t.answer.whatBoundaries}</summary>
      <dl class="facts">
        ${boundaries.map(
          (item) =>
            html`<dt>${item.name}</dt>
              <dd>${item.doc}</dd>`,
        )}
      </dl>
    </details>
    <${Onset} value=${one.onset_s} refused=${one.onset_refused || ""} onChange=${(changes) => onChange({ ...one, ...changes })} />
    <${Evidence} evidence=${cited(one, board)} onset=${one.onset_s} onChange=${set("evidence")} />
    <${Field} label=${t.answer.whys}>
      <textarea rows="3" name="why" value=${one.why} onInput=${(event) => set("why")(event.target.value)}></textarea>
    <//>
  </section>`;
}

/** Who noticed first, and why so late: beside the diagnosis, where the exercise asks. */
function Noticed({ value = {}, onChange }) {
  const set = (name) => (given) => onChange({ ...value, [name]: given });
  return html`<fieldset class="stack tight">
    <legend>${t.noticed.asked}</legend>
    <p class="small quiet">${t.noticed.askedDoc}</p>
    <${Choice} label=${t.noticed.askedBy} value=${value.noticed_by || ""} empty=${t.answer.choose} options=${Object.entries(t.noticed.by)} onChange=${set("noticed_by")} />
    <${Field} label=${t.noticed.askedWhy}>
      <textarea rows="3" name="late" maxlength="2000" value=${value.why || ""} onInput=${(event) => set("why")(event.target.value)}></textarea>
    <//>
  </fieldset>`;
}

function FromBoard({ onUse }) {
  const { hypotheses, whys } = useBoard();
  if (!hypotheses.length) return null;
  return html`<div class="row small">
    <span class="quiet">${t.answer.fromBoard}:</span
    >${hypotheses.filter((one) => one.state !== "ruled-out").map((one) => html`<button type="button" key=${one.id} onClick=${() => onUse({ ...FRESH, hypothesis: one.id, culprit: one.culprit || "", boundary: one.boundary || "", kind: one.kind || "", why: [one.text, ...whys].join("\n") })}>${one.text.slice(0, 60)}</button>`)}
  </div>`;
}

export function AnswerForm() {
  const { id, session, act, isOpen, isDone } = useSession();
  const [draft, setDraft] = useKept(`answer/${id}`, { verdict: "", findings: [FRESH] });
  const [asking, ask] = useState(false);
  const board = useBoard();
  if (isDone)
    return html`<section class="card">
      <h1>${t.answer.done}</h1>
      ${session.status === "released" ? html`<p><a class="button primary" href=${`#/session/${encodeURIComponent(id)}/debrief`}>${t.answer.toDebrief}</a></p>` : html`<p>${t.debrief.meanwhile}</p>`}
    </section>`;
  const { verdict, findings } = draft;
  const change = (changes) => setDraft((old) => ({ ...old, ...changes }));
  const lacking = verdict === "fault" ? [...new Set(findings.flatMap(missing))].map((part) => t.answer.parts[part]) : [];
  const refused = verdict === "fault" ? findings.map((one) => one.onset_refused).find(Boolean) : "";
  async function submit() {
    ask(false);
    if (refused) return; // an onset that was read only now
    if (await act("POST", "/submit", diagnosis(draft, board))) location.hash = `#/session/${encodeURIComponent(id)}/debrief`;
  }
  return html`<form
    class="stack answer"
    onSubmit=${(event) => {
      event.preventDefault();
      if (!refused) ask(true);
    }}
  >
    <div>
      <h1>${t.answer.title}</h1>
      <p class="quiet">${t.answer.lead} ${session.score_cost ? t.answer.hints(session.score_cost) : ""}</p>
    </div>
    <fieldset class="verdicts">
      <legend>${t.answer.verdict}</legend>
      ${Object.entries(t.answer.verdicts).map(
        ([key, [name, doc]]) =>
          html`<label key=${key} class="card verdict"
            ><input type="radio" name="verdict" value=${key} checked=${verdict === key} onChange=${() => change({ verdict: key })} /><span
              ><b>${name}</b><small>${doc}</small></span
            ></label
          >`,
      )}
    </fieldset>
    ${
      verdict === "fault" &&
      html`<${FromBoard}
          onUse=${(one) => change({ findings: findings.length === 1 && !findings[0].culprit && !findings[0].kind ? [one] : [...findings, one] })}
        />
        ${findings.map((one, i) => html`<${Finding} key=${i} one=${one} number=${i + 1} count=${findings.length} onChange=${(next) => change({ findings: findings.map((old, n) => (n === i ? next : old)) })} onRemove=${() => change({ findings: findings.filter((_, n) => n !== i) })} />`)}
        <div><button type="button" onClick=${() => change({ findings: [...findings, { ...FRESH, evidence: [] }] })}>${t.answer.addFinding}</button></div>`
    }
    ${verdict && session.exercise.asks.includes("detection") && html`<${Noticed} value=${draft.detection} onChange=${(detection) => change({ detection })} />`}
    <div class="row">
      <button class="primary" disabled=${!verdict || lacking.length > 0 || refused || !isOpen || session.status === "acting"}>
        ${t.answer.submit}</button
      >${lacking.length > 0 && html`<span class="quiet" role="status">${t.answer.missing(lacking.join(", "))}</span>`}${refused && html`<span class="wrong" role="status">${t.answer.refused(t.answer.onset, refused)}</span>`}
    </div>
    ${
      asking &&
      html`<${Dialog} title=${t.answer.confirmTitle} onClose=${() => ask(false)}
        ><p>${t.answer.confirm}</p>
        <p><b>${t.answer.verdicts[verdict][0]}</b></p>
        ${
          verdict === "fault" &&
          html`<ul>
            ${findings.map((one) => html`<li>${one.culprit}: ${one.kind} (${one.boundary})${one.onset_s === "" ? "" : `, ${clock(Number(one.onset_s))}`}, ${digits(100 * one.confidence)} %</li>`)}
          </ul>`
        }
        <div class="row">
          <button type="button" class="primary" onClick=${submit}>${t.answer.yes}</button
          ><button type="button" onClick=${() => ask(false)}>${t.cancel}</button>
        </div><//
      >`
    }
  </form>`;
}
