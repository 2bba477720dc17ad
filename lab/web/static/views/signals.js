// Signals and raw metrics: pick, overlay, zoom, compare two windows of time.
import { query as asQuery } from "../api.js";
import { Chart } from "../chart.js";
import { coloursOf } from "../colours.js";
import { mean, quantity, rounded } from "../format.js";
import { setQuery, useLive, useRoute } from "../hooks.js";
import { html, useEffect, useMemo, useState } from "../lib.js";
import { MarkKey } from "../marks.js";
import { Answer, Fold, Toggle, useMore, useToast } from "../parts.js";
import { Pin } from "../pins.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";
import { Comparison, within } from "./comparison.js";
import { levels, levelText, useMarks } from "./overview.js";

const MOST = 12;

/** What can be chosen, one entry a series: signals of the catalogue, or raw metrics. */
function entries(data, source) {
  const list = Array.isArray(data) ? data : data[source === "raw" ? "metrics" : "signals"] || [];
  if (source !== "raw")
    return list.flatMap((one) => one.subjects.map((subject) => ({ of: `${one.signal}:${subject}`, name: one.signal, subject, ...one })));
  return list.flatMap((one) =>
    (one.series || [one]).map((entry) => {
      const parts = [one.metric, entry.component, entry.peer, entry.attribute].map((part) => part ?? "");
      return {
        of: `m|${parts.join("|")}`,
        name: one.metric,
        subject: parts.slice(1).filter(Boolean).join(" "),
        unit: one.unit,
        doc: one.doc,
        group: entry.component,
      };
    }),
  );
}

function Picker({ source, chosen, onToggle }) {
  const { base, version } = useSession();
  const listed = useLive(`${base}/${source === "raw" ? "metrics" : "signals"}`, version);
  const find = useRoute().query.get("find") || "";
  return html`<${Fold} text=${t.signals.choose(chosen.length)}><section class="card picker stack tight" aria-label=${t.signals.source}>
    <${Toggle}
      label=${t.signals.source}
      value=${source}
      onChange=${(value) => setQuery({ source: value })}
      options=${[
        ["signals", t.signals.signals],
        ["raw", t.signals.raw],
      ]}
    />
    <input
      type="search"
      aria-label=${t.signals.search}
      placeholder=${t.signals.searchHint}
      value=${find}
      onInput=${(event) => setQuery({ find: event.target.value })}
    />
    <${Answer} of=${listed}
      >${(data) => html`<${Choices} all=${entries(data, source)} find=${find} chosen=${chosen} onToggle=${onToggle} />`}<//
    >
  </section><//>`;
}

function Choices({ all, find, chosen, onToggle }) {
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = all.filter((one) =>
    words.every((word) => `${one.name} ${one.subject} ${one.doc || ""} ${one.group || ""}`.toLowerCase().includes(word)),
  );
  const signals = [...new Set(fitting.map((one) => one.name))].map((name) => fitting.filter((one) => one.name === name));
  const [shown, more] = useMore(signals, 25);
  let group = null;
  return html`<ul class="choices">
      ${shown.map((subjects) => {
        const [one] = subjects;
        const title = !one.of.startsWith("m|") && one.group !== group && one.group;
        group = one.group;
        return html`${title && html`<li class="group" key=${`group ${title}`}>${title}</li>`}
          <li key=${one.name} class="signal">
            <span class="name"><b>${one.name}</b></span
            ><small>${one.doc}</small>
            <div class="subjects">
              ${subjects.map((item) => html`<label class="check" key=${item.of}><input type="checkbox" aria-label=${`${item.name} ${item.subject}`} checked=${chosen.includes(item.of)} onChange=${() => onToggle(item.of)} /><small>${item.subject}</small></label>`)}
            </div>
          </li>`;
      })}
    </ul>
    ${more}${!fitting.length && html`<p class="empty small">${t.signals.nothing}</p>`}`;
}

// What is looked at first of any element, by what signals are about: failures, time, load, saturation, age.
const FIRST = [
  /error_ratio|failure/,
  /duration_p95/,
  /duration_p50/,
  /request_rate|arrival/,
  /utilization|saturated|throttled/,
  /age|hit_ratio/,
];
const MOST_FIRST = 6;

/** Chooses the main signals of an element that another view led here for, once they are known. */
function useElement(query) {
  const { base, version } = useSession();
  const element = query.get("of_element");
  const listed = useLive(element ? `${base}/signals` : null, version).data;
  useEffect(() => {
    if (!element || !listed) return;
    const own = entries(listed, "signals").filter((one) => one.subject === element || one.subject.startsWith(`${element}.`));
    const first = FIRST.map((about) => own.find((one) => about.test(one.name))).filter(Boolean);
    setQuery({ of_element: null, of: [...new Set([...first, ...own].map((one) => one.of))].slice(0, MOST_FIRST) });
  }, [element, listed]);
}

/** The series that are chosen, of both sources, in the order in which they were chosen. */
function useSeries(chosen) {
  const { base, version, id } = useSession();
  const colours = coloursOf(id, chosen);
  const raw = chosen.filter((one) => one.startsWith("m|")),
    signals = chosen.filter((one) => !one.startsWith("m|"));
  const a = useLive(signals.length ? base + "/series" + asQuery({ of: signals }) : null, version);
  const b = useLive(raw.length ? base + "/metric-series" + asQuery({ of: raw.map((one) => one.slice(2)) }) : null, version);
  return {
    isBusy: (signals.length > 0 && a.busy) || (raw.length > 0 && b.busy),
    problem: (signals.length && a.problem) || (raw.length && b.problem) || null,
    series: chosen.map((of, i) => {
      const isRaw = of.startsWith("m|"),
        [name, ...rest] = of.slice(isRaw ? 2 : 0).split(isRaw ? "|" : ":");
      const subject = rest.filter(Boolean).join(isRaw ? " " : ":");
      const found = isRaw ? b.data?.series?.[raw.indexOf(of)] : a.data?.series?.find((one) => `${one.signal}:${one.subject}` === of);
      return {
        of,
        name,
        subject,
        label: `${name} ${subject}`,
        colour: colours[i],
        unit: found?.unit || "",
        times_s: found?.times_s || [],
        values: found?.values || [],
        isRaw,
      };
    }),
  };
}

const span = (text) => {
  const parts = (text || "").split(",").map(Number);
  return parts.length === 2 && parts.every(Number.isFinite) && parts[0] < parts[1] ? parts : null;
};

/** Series of one unit share a chart, or each has its own. */
function charts(series, layout) {
  if (layout === "separate") return series.map((one) => [one.of, one.unit, [one]]);
  const units = new Map();
  for (const one of series) units.set(one.unit, [...(units.get(one.unit) || []), one]);
  return [...units].map(([unit, list]) => [unit, unit, list]);
}

/** The SLIs, where nothing is chosen yet: something to begin with. */
function Starters({ onToggle }) {
  const { base, version } = useSession();
  const slis = useLive(`${base}/system`, version).data?.slis || [];
  return html`<section class="card">
    <p>${t.signals.none}</p>
    <div class="row">
      ${slis.map((sli) => html`<button type="button" key=${sli.name} onClick=${() => onToggle(`${sli.name}:${sli.subject}`)}>${sli.name}</button>`)}
    </div>
  </section>`;
}

export function Signals() {
  const { session } = useSession();
  const { query } = useRoute();
  const toast = useToast();
  const chosen = query.getAll("of").slice(0, MOST),
    source = query.get("source") || "signals",
    layout = query.get("layout") || "overlay";
  useElement(query);
  const { series, problem, isBusy } = useSeries(chosen);
  const marks = useMarks();
  const [mode, setMode] = useState("zoom");
  const before = span(query.get("before")),
    during = span(query.get("during"));
  const whole = [0, session.clock.end_s],
    range = span(query.get("zoom")) || whole;
  const bands = useMemo(
    () =>
      [before && { from: before[0], to: before[1], kind: "before" }, during && { from: during[0], to: during[1], kind: "during" }].filter(
        Boolean,
      ),
    [query.get("before"), query.get("during")],
  );
  function toggle(of) {
    if (!chosen.includes(of) && chosen.length >= MOST) toast(t.signals.full);
    else setQuery({ of: chosen.includes(of) ? chosen.filter((one) => one !== of) : [...chosen, of] });
  }
  const keep = (name) => (window) => setQuery({ [name]: window && window.map((time) => Math.max(0, Math.round(time * 10) / 10)).join() });
  const level = (one) =>
    before && during
      ? { is_chosen: true, baseline: rounded(mean(within(one, before))), observed: rounded(mean(within(one, during))) }
      : levels(one);
  function words(one) {
    const { is_chosen, baseline, observed } = level(one);
    return is_chosen ? t.pin.windows(quantity(baseline, one.unit), quantity(observed, one.unit)) : levelText(one, one.unit);
  }
  return html`<div class="beside-picker">
    <${Picker} source=${source} chosen=${chosen} onToggle=${toggle} />
    <div class="stack">
      <div class="row apart">
        <div class="row">
          <span class="small quiet">${t.signals.mode}</span
          ><${Toggle}
            label=${t.signals.mode}
            value=${mode}
            onChange=${setMode}
            options=${["zoom", "before", "during"].map((one) => [one, t.signals[one]])}
          />
          <${Toggle}
            label=${t.signals.layout}
            value=${layout}
            onChange=${(value) => setQuery({ layout: value })}
            options=${[
              ["overlay", t.signals.overlay],
              ["separate", t.signals.separate],
            ]}
          />
        </div>
        <div class="row">
          ${query.get("zoom") && html`<button type="button" onClick=${() => setQuery({ zoom: null })}>${t.signals.reset}</button>`}${chosen.length > 0 && html`<button type="button" class="plain" onClick=${() => setQuery({ of: null })}>${t.signals.clear}</button>`}
        </div>
      </div>
      ${chosen.length > 0 && html`<${MarkKey} marks=${marks} />`} ${problem && html`<p class="problem" role="alert">${problem.what}</p>`} ${!chosen.length && html`<${Starters} onToggle=${toggle} />`}
      ${charts(series, layout).map(
        ([key, unit, list]) =>
          html`<figure class="card" key=${key}>
            ${isBusy && list.every((one) => !one.times_s.length) && html`<p class="small quiet" role="status">${t.loading}</p>`}
            <${Chart}
              series=${list}
              unit=${unit}
              range=${range}
              height=${layout === "separate" ? 130 : 220}
              bands=${bands}
              marks=${marks}
              onSelect=${keep(mode)}
              onZoom=${keep("zoom")}
              whole=${whole}
              keys="chart-keys"
              fromZero=${false}
              beside=${(one) => html`<${Pin} kind="chart" of=${{ signal: one.name, subject: one.subject, unit, is_raw: one.isRaw, ...level(one) }} text=${`${one.name} ${one.subject}: ${words(one)}`} /><button type="button" class="pin" aria-label=${`${t.remove}: ${one.label}`} onClick=${() => toggle(one.of)}>✕</button>`}
            />
          </figure>`,
      )}
      ${chosen.length > 0 && html`<${Comparison} series=${series} before=${before} during=${during} />`}
      <p class="small quiet">${t.signals.lead} <span id="chart-keys">${t.signals.keys}</span></p>
    </div>
  </div>`;
}
