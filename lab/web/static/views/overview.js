// The first look: alerts, change log, the system with its health, and what users feel.
import { query } from "../api.js";
import { Chart } from "../chart.js";
import { coloursOf } from "../colours.js";
import { clock, duration, mean, quantity, rounded } from "../format.js";
import { setQuery, useLive, useRoute } from "../hooks.js";
import { Graph, SIGNS } from "../graph.js";
import { classes, html } from "../lib.js";
import { MarkKey } from "../marks.js";
import { Answer, Badge } from "../parts.js";
import { Pin } from "../pins.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";

export function useAlerts() {
  const { base, version } = useSession();
  return useLive(`${base}/alerts`, version);
}

/** Moments that charts mark: alerts that fired, changes, actions. */
export function useMarks() {
  const { base, version, session } = useSession();
  const alerts = useLive(`${base}/alerts`, version).data?.alerts || [];
  const changes = useLive(`${base}/changes`, version).data?.changes || [];
  return [
    ...alerts.filter((one) => one.state === "firing").map((one) => ({ at: one.time_s, kind: "alert" })),
    ...changes.map((one) => ({ at: one.time_s, kind: "change" })),
    ...(session.actions || []).map((one) => ({ at: one.done_s ?? one.at_s, kind: "action" })),
  ];
}

/** An alert in words. */
export const alertText = (one) => `${one.slo} of ${one["service.name"]} ${t.alerts.states[one.state] || one.state}`;

/** Units of what objectives are about, by objective. */
function useUnits() {
  const { base, version } = useSession();
  return new Map((useLive(`${base}/system`, version).data?.slis || []).map((sli) => [sli.slo?.name, sli.unit]));
}

function Alerts() {
  const alerts = useAlerts(),
    units = useUnits();
  return html`<section class="card">
    <header><h2>${t.alerts.title}</h2></header>
    <${Answer} of=${alerts}
      >${({ alerts: rows }) => {
        if (!rows.length) return html`<p class="empty">${t.alerts.none}</p>`;
        const last = new Map(rows.map((one) => [`${one["service.name"]}/${one.slo}`, one]));
        return html`<ul class="pager">
          ${[...rows].reverse().map(
            (one) =>
              html`<li
                key=${`${one.time_s}${one.slo}`}
                class=${classes("alert", one.state, last.get(`${one["service.name"]}/${one.slo}`) === one && "current")}
              >
                <span class="number">${clock(one.time_s)}</span
                ><${Badge} kind=${one.state === "firing" ? "bad" : "ok"}>${t.alerts.states[one.state] || one.state}<//>
                <span class="grow"
                  ><b>${one.slo}</b>${" "}
                  <span class="quiet"
                    >${one["service.name"]}${one.value !== undefined && one.value !== null ? `, ${t.alerts.value(quantity(one.value, units.get(one.slo) || ""))}` : ""}</span
                  ></span
                >
                <${Pin} kind="alert" at_s=${one.time_s} of=${one} text=${`${clock(one.time_s)} ${alertText(one)}`} />
              </li>`,
          )}
        </ul>`;
      }}<//
    >
  </section>`;
}

const KNOWN = ["time_s", "kind", "component", "service.name", "element", "text", "body", "message", "summary", "title"];
/** What a change says, in whatever words its row has. */
function changeText(one) {
  const said = one.text || one.body || one.message || one.summary || one.title || one.kind || "";
  const rest = Object.entries(one)
    .filter(([name, value]) => !KNOWN.includes(name) && value !== null && value !== "" && typeof value !== "object")
    .map(([name, value]) => `${name} ${value}`);
  return [said, ...rest].filter(Boolean).join(", ");
}

function Changes() {
  const { base, version, session } = useSession();
  const changes = useLive(`${base}/changes`, version);
  const own = (session.actions || []).map((one) => ({ time_s: one.done_s, kind: t.changes.own, component: one.place, summary: one.title }));
  return html`<section class="card">
    <header><h2>${t.changes.title}</h2></header>
    <${Answer} of=${changes}
      >${({ changes: announced }) =>
        announced.length + own.length
          ? html`<ul class="pager">
              ${[...announced, ...own]
                .sort((one, other) => other.time_s - one.time_s)
                .map(
                  (one) =>
                    html`<li key=${JSON.stringify(one)}>
                      <span class="number">${clock(one.time_s)}</span>${one.kind && html`<${Badge}>${one.kind}<//>`}<span class="grow"
                        ><b>${one.component || one["service.name"] || one.element || ""}</b>${" "}
                        ${changeText(one.kind ? { ...one, kind: null } : one)}</span
                      >
                      <${Pin}
                        kind="change"
                        at_s=${one.time_s}
                        of=${one}
                        text=${`${clock(one.time_s)} ${[one.component || one["service.name"], changeText(one)].filter(Boolean).join(": ")}`}
                      />
                    </li>`,
                )}
            </ul>`
          : html`<p class="empty">${t.changes.none}</p>`}<//
    >
  </section>`;
}

function Details({ system, name, id }) {
  const one = system.components.find((item) => item.name === name),
    link = system.links.find((item) => item.name === name);
  if (!one && !link) return html`<p class="empty small">${t.graph.choose}</p>`;
  const to = (tab, query) => `#/session/${encodeURIComponent(id)}/${tab}?${new URLSearchParams(query)}`;
  const health = (one || link).health;
  const facts = one
    ? [
        [t.graph.kind, one.kind],
        [t.graph.runtime, one.runtime],
        [t.graph.workers, one.workers],
        [t.graph.tables, (one.tables || []).join(", ")],
        [
          t.graph.settings,
          Object.entries(one.settings || {})
            .map(([key, value]) => `${key} = ${typeof value === "object" ? JSON.stringify(value) : value}`)
            .join(", "),
        ],
      ]
    : [[t.graph.link, t.graph.calls(link.caller, link.callee)]];
  const service = one ? one.name : link.caller;
  return html`<div class="stack tight">
    <h3>${name}</h3>
    <dl class="facts">
      ${[
        ...facts,
        [t.graph.health, health && `${SIGNS[health.state]} ${t.graph.states[health.state]}${health.why ? `: ${health.why}` : ""}`],
      ]
        .filter(([, value]) => value !== undefined && value !== null && value !== "")
        .map(
          ([key, value]) =>
            html`<dt>${key}</dt>
              <dd>${value}</dd>`,
        )}
    </dl>
    <p class="row">
      <a class="button" href=${to("signals", { find: name, of_element: name })}>${t.graph.toSignals}</a
      ><a class="button" href=${to("traces", { service })}>${t.graph.toTraces}</a
      ><a class="button" href=${to("logs", { service })}>${t.graph.toLogs}</a>
    </p>
  </div>`;
}

function SystemCard() {
  const { base, version, id } = useSession();
  const system = useLive(`${base}/system`, version);
  const chosen = useRoute().query.get("element");
  return html`<section class="card">
    <header>
      <h2>${t.graph.title}</h2>
      <ul class="key">
        ${Object.entries(t.graph.states).map(([key, text]) => html`<li><span class=${`dot ${key}`}>${SIGNS[key]}</span> ${text}</li>`)}
      </ul>
    </header>
    <${Answer} of=${system}
      >${(data) => {
        const unwell = [...data.components, ...data.links].filter((one) => ["warn", "bad"].includes(one.health?.state));
        return html`<${Graph} system=${data} chosen=${chosen} onChoose=${(name) => setQuery({ element: name === chosen ? null : name })} />
          <div class="beside-graph">
            <div>
              <h3>${t.graph.unusual}</h3>
              ${
                unwell.length
                  ? html`<ul class="unwell">
                      ${unwell.map(
                        (one) =>
                          html`<li key=${one.name}>
                            <span class=${`dot ${one.health.state}`}>${SIGNS[one.health.state]}</span>
                            <span><b>${one.name}</b> <span class="quiet">${one.health.why}</span></span>
                          </li>`,
                      )}
                    </ul>`
                  : html`<p class="quiet small">${t.graph.fine}</p>`
              }
            </div>
            <${Details} system=${data} name=${chosen} id=${id} />
          </div>
          <p class="small quiet">${t.graph.lead}</p>`;
      }}<//
    >
  </section>`;
}

const FEW = 3;

/** What a series shows, as a pin says it: how it was in the first third, and where it went farthest from that. */
export function levels(series) {
  const usual = mean(series.values.slice(0, Math.max(1, Math.floor(series.values.length / 3))));
  let farthest = usual;
  for (let i = FEW; i <= series.values.length; i++) {
    const here = mean(series.values.slice(i - FEW, i));
    if (here !== null && Math.abs(here - usual) > Math.abs(farthest - usual)) farthest = here;
  }
  return { baseline: rounded(usual), observed: rounded(farthest) };
}

/** The levels of a series and its last value in words. */
export function levelText(series, unit) {
  const { baseline, observed } = levels(series);
  const last = series.values.findLast((value) => value !== null) ?? null;
  return t.pin.levels(quantity(baseline, unit), quantity(observed, unit), quantity(last, unit));
}

/** What signals `name:subject` were so far, in the same order: unit, times, values, colour; no unit and no values where there are none. */
export function useCourses(names) {
  const { base, version, id } = useSession();
  const found = useLive(names.length ? `${base}/series${query({ of: names })}` : null, version).data?.series || [];
  const colours = coloursOf(id, names);
  return names.map((name, i) => {
    const own = found.find((one) => `${one.signal}:${one.subject}` === name);
    return { unit: own?.unit || "", times_s: own?.times_s || [], values: own?.values || [], colour: colours[i] };
  });
}

/** The system's SLIs with their series so far; used wherever the course of the incident is drawn. */
export function useSlis() {
  const { base, version } = useSession();
  const system = useLive(`${base}/system`, version);
  const slis = (system.data?.slis || []).slice(0, 12);
  const courses = useCourses(slis.map((sli) => `${sli.name}:${sli.subject}`));
  return slis.map((sli, i) => ({ ...sli, series: { label: sli.name, ...courses[i] } }));
}

/** The value that an objective's alert waits for; null where there is none. */
const limitOf = (slo) => slo?.above ?? slo?.below ?? null;

/** An objective in words: what its alert waits for. */
function objective(slo, unit) {
  const bound = ["above", "below"].find((name) => slo[name] !== undefined && slo[name] !== null);
  return bound ? t.slis.slo(t.slis.beyond(bound, quantity(slo[bound], unit), slo.for_s ? duration(slo.for_s) : "")) : "";
}

function Slis() {
  const { session, id } = useSession();
  const slis = useSlis(),
    marks = useMarks();
  return html`<section class="stack tight">
    <div class="row apart">
      <h2>${t.slis.title}</h2>
      <${MarkKey} marks=${marks} limit=${slis.some((sli) => limitOf(sli.slo) !== null)} />
    </div>
    <div class="charts narrow">
      ${slis.map(
        (sli) =>
          html`<figure class="card" key=${sli.name}>
            <figcaption>
              <a href=${`#/session/${encodeURIComponent(id)}/signals?${new URLSearchParams({ of: `${sli.name}:${sli.subject}` })}`}
                ><b>${sli.name}</b></a
              >${" "}
              <small>${sli.doc}${sli.slo ? ` · ${objective(sli.slo, sli.unit)}` : ""}</small>
            </figcaption>
            <${Chart}
              series=${[{ ...sli.series, label: sli.name }]}
              unit=${sli.unit}
              range=${[0, session.clock.end_s]}
              marks=${marks}
              limit=${limitOf(sli.slo)}
              height=${96}
              beside=${() => html`<${Pin} kind="chart" of=${{ signal: sli.name, subject: sli.subject, unit: sli.unit, ...levels(sli.series) }} text=${`${sli.name}: ${levelText(sli.series, sli.unit)}`} />`}
            />
          </figure>`,
      )}
    </div>
    ${!slis.length && html`<p class="empty">${t.loading}</p>`}
  </section>`;
}

export function Overview() {
  return html`<${Slis} />
    <div class="beside-alerts">
      <div class="stack"><${Alerts} /><${Changes} /></div>
      <${SystemCard} />
    </div>`;
}
