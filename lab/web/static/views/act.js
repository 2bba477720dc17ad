// Remedies: where, with which value, what they take; and what was done so far.
import { clock, duration } from "../format.js";
import { useLive } from "../hooks.js";
import { html, useState } from "../lib.js";
import { Answer, Badge, Choice, Dialog, Field } from "../parts.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";

/** The number that a remedy sets; what its JSON schema says limits it. */
function Value({ schema, value, onChange }) {
  if (!schema) return null;
  const label = [
    t.act.value,
    schema.unit && schema.unit !== "1" ? `, ${schema.unit}` : "",
    schema.now === undefined || schema.now === null ? "" : ` (${t.act.now(String(schema.now))})`,
  ].join("");
  return html`<${Field} label=${label}
    ><input
      name="value"
      required
      type="number"
      title=${schema.doc}
      step=${schema.type === "integer" ? 1 : "any"}
      min=${schema.minimum ?? schema.exclusiveMinimum}
      max=${schema.maximum}
      value=${value}
      onInput=${(event) => onChange(event.target.value)}
  /><//>`;
}

function Remedy({ one }) {
  const { act, session, isOpen } = useSession();
  const [place, setPlace] = useState(one.places.length === 1 ? one.places[0].place : "");
  const [value, setValue] = useState("");
  const [asking, ask] = useState(false);
  const chosen = one.places.find((item) => item.place === place),
    schema = chosen?.value,
    label = chosen?.label || place;
  async function go() {
    ask(false);
    await act("POST", "/actions", { remedy: one.name, place, ...(schema ? { value: Number(value) } : {}) });
  }
  return html`<details class="remedy" data-remedy=${one.name}>
    <summary><b>${one.title}</b> <span class="quiet small">${t.act.cost(duration(one.cost_s))}</span></summary>
    <form
      class="stack tight"
      onSubmit=${(event) => {
        event.preventDefault();
        ask(true);
      }}
    >
      <p class="quiet">${one.doc}</p>
      <div class="row end">
        <${Choice}
          label=${t.act.place}
          value=${place}
          required
          empty=${one.places.length === 1 ? undefined : t.answer.choose}
          options=${one.places.map((item) => [item.place, item.label || item.place])}
          onChange=${setPlace}
        />
        <${Value} schema=${schema} value=${value} onChange=${setValue} />
        <button class="primary" disabled=${!isOpen || session.status === "acting" || !place}>${t.act.go}</button>
      </div>
    </form>
    ${
      asking &&
      html`<${Dialog} title=${one.title} onClose=${() => ask(false)}
        ><p>${t.act.confirm(one.title, label, duration(one.cost_s))}</p>
        <div class="row">
          <button type="button" class="primary" onClick=${go}>${t.act.go}</button
          ><button type="button" onClick=${() => ask(false)}>${t.cancel}</button>
        </div><//
      >`
    }
  </details>`;
}

function ActionList({ actions }) {
  return html`<ul class="pager">
    ${actions.map(
      (one) =>
        html`<li key=${one.id}>
          <span class="number">${clock(one.done_s ?? one.at_s)}</span
          ><span class="grow"
            ><b>${one.title || one.remedy}</b>${" "}
            <span class="quiet">${one.place}${one.value === null || one.value === undefined ? "" : `, ${one.value}`}</span></span
          >
        </li>`,
    )}
  </ul>`;
}

export function Act() {
  const { base, session, version, isDone } = useSession();
  const remedies = useLive(`${base}/remedies`, version);
  const [find, setFind] = useState("");
  return html`<div>
      <h1>${t.act.title}</h1>
      <p class="quiet">${t.act.lead}</p>
    </div>
    <div class="beside-list">
      <div class="stack tight">
        ${
          isDone
            ? html`<p class="note">${t.act.over}</p>`
            : html`<${Answer} of=${remedies}
                >${(data) => {
                  const words = find.toLowerCase().split(/\s+/);
                  const list = data.filter((one) =>
                    words.every((word) =>
                      `${one.title} ${one.doc} ${one.places.map((item) => item.label).join(" ")}`.toLowerCase().includes(word),
                    ),
                  );
                  return html`<input
                      type="search"
                      aria-label=${t.act.search}
                      placeholder=${t.act.search}
                      value=${find}
                      onInput=${(event) => setFind(event.target.value)}
                    />
                    <div class="card remedies">
                      ${list.map((one) => html`<${Remedy} key=${one.name} one=${one} />`)}${!list.length && html`<p class="empty">${t.act.none}</p>`}
                    </div>`;
                }}<//
              >`
        }
      </div>
      <section class="card">
        <h2>${t.act.done}</h2>
        ${session.status === "acting" && html`<p class="row"><${Badge} kind="acting">${t.act.running}<//><progress class="short" max="1" value=${session.progress?.share ?? undefined} aria-label=${t.act.running}></progress></p>`}
        ${
          session.actions.length
            ? html`<${ActionList} actions=${session.actions} />
                <p class="small quiet">${t.act.compare}</p>`
            : html`<p class="empty">${t.act.nothing}</p>`
        }
      </section>
    </div>`;
}
