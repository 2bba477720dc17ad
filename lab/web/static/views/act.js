// Remedies: where, with which value, what they take; and what was done so far.
import { clock, duration } from "../format.js";
import { useLive } from "../hooks.js";
import { html, useEffect, useRef, useState } from "../lib.js";
import { Answer, Badge, Choice, Dialog, Field, useToast } from "../parts.js";
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

/** Why a remedy that takes so long cannot be done now; empty where it can. */
function useHindrance(cost_s) {
  const { session, now } = useSession();
  const left_s = session.clock.end_s - now();
  if (session.status === "acting") return t.act.running;
  return cost_s >= left_s ? (left_s > 0 ? t.act.tooLong(duration(cost_s), duration(left_s)) : t.act.ended) : "";
}

/** Tells in every view what was done once it is. */
export function Acted() {
  const { session } = useSession();
  const toast = useToast();
  const isActing = session.status === "acting",
    count = session.actions.length,
    known = useRef(count); // before it began, or when the page was opened
  useEffect(() => {
    if (isActing) return;
    if (count > known.current) {
      const one = session.actions.at(-1);
      toast(t.act.finished(one.title || one.remedy, one.place, clock(one.at_s), clock(one.done_s)));
    }
    known.current = count;
  }, [isActing, count]);
  return null;
}

function Remedy({ one }) {
  const { act, isOpen } = useSession();
  const hindrance = useHindrance(one.cost_s),
    reason = `why-not-${one.name}`;
  const [place, setPlace] = useState(one.places.length === 1 ? one.places[0].place : "");
  const [value, setValue] = useState("");
  const [asking, ask] = useState(false);
  const chosen = one.places.find((item) => item.place === place),
    schema = chosen?.value,
    label = chosen?.label || place;
  // A button that cannot be pressed now keeps the focus, unlike one that is disabled.
  const cannot = { "aria-disabled": hindrance ? "true" : undefined, "aria-describedby": hindrance ? reason : undefined };
  const why = hindrance && html`<p class="small quiet" id=${reason}>${hindrance}</p>`;
  async function go() {
    if (hindrance) return;
    ask(false);
    await act("POST", "/actions", { remedy: one.name, place, ...(schema ? { value: Number(value) } : {}) });
  }
  return html`<details class="remedy" data-remedy=${one.name}>
    <summary><b>${one.title}</b> <span class="quiet small">${t.act.cost(duration(one.cost_s))}</span></summary>
    <form
      class="stack tight"
      onSubmit=${(event) => {
        event.preventDefault();
        if (!hindrance) ask(true);
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
        <button class="primary" disabled=${!isOpen || !place} ...${cannot}>${t.act.go}</button>
      </div>
      ${!asking && why}
    </form>
    ${
      asking &&
      html`<${Dialog} title=${one.title} onClose=${() => ask(false)}
        ><p>${t.act.confirm(one.title, label, duration(one.cost_s))}</p>
        ${why}
        <div class="row">
          <button type="button" class="primary" onClick=${go} ...${cannot}>${t.act.go}</button
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
