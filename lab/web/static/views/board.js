// The board: hypotheses with evidence for and against, five whys, drawings, notes.
import { clock } from "../format.js";
import { useKept } from "../hooks.js";
import { FaultTree, Fishbone } from "../diagrams.js";
import { classes, html, useEffect, useState } from "../lib.js";
import { Choice, Toggle } from "../parts.js";
import { isCitable, pinAddress, useBoard } from "../pins.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";
import { useElements, useVocabulary } from "./answer.js";
import { NewHypothesis, NewNote } from "./notebook.js";
import { useAlerts } from "./overview.js";

const SIGNS = { for: "+", against: "−", neutral: "·" };

function PinLine({ pin, hypotheses }) {
  const { id, act } = useSession();
  const change = (changes) => act("PATCH", `/board/pins/${pin.id}`, changes),
    text = pin.text || t.pin.kinds[pin.kind];
  return html`<li class=${classes("evidence-line", pin.stance)}>
    <span class="stance" aria-hidden="true">${SIGNS[pin.stance]}</span
    ><span class="grow"
      ><a href=${pinAddress(id, pin)}>${text}</a> <small>${t.pin.kinds[pin.kind]}${isCitable(pin) ? `, ${t.pin.citable}` : ""}</small></span
    >
    <span class="row tight"
      ><select aria-label=${`${t.pin.stance}: ${text}`} value=${pin.stance} onChange=${(event) => change({ stance: event.target.value })}>
        ${Object.entries(t.board.stances).map(([key, text]) => html`<option value=${key}>${text}</option>`)}
      </select>
      <select
        aria-label=${`${t.pin.to}: ${text}`}
        class="to"
        value=${pin.hypothesis || ""}
        onChange=${(event) => change({ hypothesis: event.target.value || null })}
      >
        <option value="">${t.pin.none}</option>
        ${hypotheses.map((one) => html`<option value=${one.id}>${one.text.slice(0, 40)}</option>`)}
      </select>
      <button
        type="button"
        class="plain"
        aria-label=${`${t.board.removePin}: ${text}`}
        title=${t.board.removePin}
        onClick=${() => act("DELETE", `/board/pins/${pin.id}`)}
      >
        ✕
      </button></span
    >
  </li>`;
}

function Hypothesis({ one, hypotheses, pins, elements, vocabulary }) {
  const { act } = useSession();
  const change = (changes) => act("PATCH", `/board/hypotheses/${one.id}`, changes);
  const own = pins.filter((pin) => pin.hypothesis === one.id);
  return html`<section class=${classes("card hypothesis stack tight", one.state)}>
    <div class="row apart">
      <h2>${one.text}</h2>
      <${Toggle}
        label=${t.group.status}
        value=${one.state}
        onChange=${(state) => change({ state })}
        options=${Object.entries(t.board.states)}
      />
    </div>
    <ul class="plainlist">
      ${own.map((pin) => html`<${PinLine} key=${pin.id} pin=${pin} hypotheses=${hypotheses} />`)}${!own.length && html`<li class="quiet small">${t.board.noPins}</li>`}
    </ul>
    <details>
      <summary class="small">
        ${[one.culprit, one.boundary, one.kind].filter(Boolean).join(" · ") || `${t.board.culprit}, ${t.board.boundary}, ${t.board.kind}`}
      </summary>
      <div class="fields">
        <${Choice}
          label=${t.board.culprit}
          empty=${t.unknown}
          value=${one.culprit}
          options=${elements}
          onChange=${(value) => change({ culprit: value || null })}
        />
        <${Choice}
          label=${t.board.boundary}
          empty=${t.unknown}
          value=${one.boundary}
          options=${vocabulary.boundaries.map((item) => item.name)}
          onChange=${(value) => change({ boundary: value || null })}
        />
        <${Choice}
          label=${t.board.kind}
          empty=${t.unknown}
          value=${one.kind}
          options=${vocabulary.kinds.filter((item) => !one.boundary || item.boundary === one.boundary).map((item) => item.name)}
          onChange=${(value) => change({ kind: value || null, ...(value && !one.boundary ? { boundary: vocabulary.kinds.find((item) => item.name === value)?.boundary } : {}) })}
        />
        <${Choice}
          label=${t.board.parent}
          empty=${t.board.noParent}
          value=${one.parent}
          options=${hypotheses.filter((other) => other.id !== one.id).map((other) => [other.id, other.text])}
          onChange=${(value) => change({ parent: value || null })}
        />
      </div>
      <button type="button" class="plain danger" onClick=${() => act("DELETE", `/board/hypotheses/${one.id}`)}>${t.board.remove}</button>
    </details>
  </section>`;
}

const FIVE = 5;

function Whys({ whys }) {
  const { act } = useSession();
  const [lines, set] = useState(whys);
  useEffect(() => {
    set(whys);
  }, [whys.join("\n")]);
  const change = (i, text) => set((old) => Array.from({ length: Math.max(old.length, i + 1) }, (_, n) => (n === i ? text : old[n] || "")));
  const save = () => {
    const kept = lines.map((line) => line.trim()).filter(Boolean);
    if (kept.join("\n") !== whys.join("\n")) act("POST", "/board/whys", { whys: kept });
  };
  return html`<section class="card stack tight">
    <h2>${t.board.whys}</h2>
    <p class="small quiet">${t.board.whysLead}</p>
    <ol class="whys">
      ${Array.from({ length: FIVE }, (_, i) => html`<li key=${i}><input aria-label=${t.board.why(i + 1)} placeholder=${t.board.why(i + 1)} maxlength="300" value=${lines[i] || ""} onInput=${(event) => change(i, event.target.value)} onBlur=${save} onKeyDown=${(event) => event.key === "Enter" && save()} /></li>`)}
    </ol>
  </section>`;
}

function useSymptom() {
  const alerts = useAlerts().data?.alerts || [];
  const { session } = useSession();
  const first = alerts.find((one) => one.state === "firing");
  return first ? `${first.slo} of ${first["service.name"]}` : session.exercise?.title || t.board.symptom;
}

export function Board() {
  const { id, act } = useSession();
  const { hypotheses, pins, notes, whys } = useBoard();
  const elements = useElements(),
    vocabulary = useVocabulary(),
    symptom = useSymptom();
  const [drawing, draw] = useKept(`drawing/${id}`, "tree");
  const free = pins.filter((pin) => !hypotheses.some((one) => one.id === pin.hypothesis));
  return html`<div>
      <h1>${t.board.title}</h1>
      <p class="quiet">${t.board.lead}</p>
    </div>
    <div class="beside-list">
      <div class="stack">
        <${NewHypothesis} />
        ${hypotheses.map((one) => html`<${Hypothesis} key=${one.id} one=${one} hypotheses=${hypotheses} pins=${pins} elements=${elements} vocabulary=${vocabulary} />`)}
        ${
          free.length > 0 &&
          html`<section class="card">
            <h3>${t.board.unassigned}</h3>
            <ul class="plainlist">
              ${free.map((pin) => html`<${PinLine} key=${pin.id} pin=${pin} hypotheses=${hypotheses} />`)}
            </ul>
          </section>`
        }
      </div>
      <div class="stack">
        <${Whys} whys=${whys} />
        <section class="card stack tight">
          <h2>${t.board.notes}</h2>
          <ul class="plainlist">
            ${notes.map(
              (one) =>
                html`<li key=${one.id} class="row apart">
                  <span><span class="number quiet">${clock(one.at_s)}</span> ${one.text}</span
                  ><button
                    type="button"
                    class="plain"
                    aria-label=${`${t.remove}: ${one.text}`}
                    onClick=${() => act("DELETE", `/board/notes/${one.id}`)}
                  >
                    ✕
                  </button>
                </li>`,
            )}${!notes.length && html`<li class="quiet small">${t.board.noNotes}</li>`}
          </ul>
          <${NewNote} />
        </section>
      </div>
    </div>
    <section class="card stack tight">
      <header>
        <h2>${t.board.diagrams}</h2>
        <${Toggle}
          label=${t.board.diagrams}
          value=${drawing}
          onChange=${draw}
          options=${[
            ["tree", t.board.tree],
            ["fishbone", t.board.fishbone],
          ]}
        />
      </header>
      ${!hypotheses.length ? html`<p class="empty">${t.board.diagramEmpty}</p>` : drawing === "tree" ? html`<${FaultTree} symptom=${symptom} hypotheses=${hypotheses} pins=${pins} />` : html`<${Fishbone} symptom=${symptom} hypotheses=${hypotheses} boundaries=${vocabulary.boundaries.map((one) => one.name)} />`}
    </section>`;
}
