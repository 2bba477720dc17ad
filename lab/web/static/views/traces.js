// Traces: searched by what happened in them, and one as a waterfall.
import { query as asQuery } from "../api.js";
import { Amount, ClearFilters, Filters, TimeField } from "../fields.js";
import { clock, duration, moment, quantities } from "../format.js";
import { setQuery, useLive, useRoute } from "../hooks.js";
import { classes, html, useState } from "../lib.js";
import { Answer, Badge, Choice, Field } from "../parts.js";
import { Pin } from "../pins.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";
import { useElements } from "./answer.js";
import { Line } from "./logs.js";
import { Scatter } from "./scatter.js";

const STATUSES = ["ok", "miss", "error", "timeout", "refused", "reset", "unavailable", "dependency_failed", "exhausted"];
const GOOD = ["ok", "miss"];
const FILTERS = ["service", "status", "min", "max", "since_s", "until_s", "order"];

function Wanted({ query }) {
  const services = useElements().filter((name) => !name.includes("->"));
  const [id, setId] = useState("");
  const choose = (name) => (value) => setQuery({ [name]: value });
  return html`<div class="card stack tight">
    <form class="row end" onSubmit=${(event) => event.preventDefault()}>
      <${Choice}
        label=${t.traces.service}
        empty=${t.traces.any}
        value=${query.get("service")}
        options=${services}
        onChange=${choose("service")}
      />
      <${Choice}
        label=${t.traces.status}
        empty=${t.traces.any}
        value=${query.get("status")}
        options=${STATUSES}
        onChange=${choose("status")}
      />
      <${Amount} label=${t.traces.shortest} name="min" value=${query.get("min")} /><${Amount}
        label=${t.traces.longest}
        name="max"
        value=${query.get("max")}
      />
      <${TimeField} label=${t.traces.since} name="since_s" value=${query.get("since_s")} /><${TimeField}
        label=${t.traces.until}
        name="until_s"
        value=${query.get("until_s")}
      />
      <${Choice}
        label=${t.traces.order}
        value=${query.get("order") || "latest"}
        options=${Object.entries(t.traces.orders)}
        onChange=${choose("order")}
      />
      <${ClearFilters} names=${FILTERS} query=${query} />
    </form>
    <form
      class="row end"
      onSubmit=${(event) => {
        event.preventDefault();
        if (id.trim()) setQuery({ id: id.trim() }, { isStep: true });
      }}
    >
      <${Field} label=${t.traces.id}><input name="trace" class="id" value=${id} onInput=${(event) => setId(event.target.value)} /><//
      ><button>${t.traces.open}</button>
    </form>
  </div>`;
}

const StatusBadge = ({ of }) => html`<${Badge} kind=${GOOD.includes(of) ? "ok" : "bad"}>${of}<//>`;

/** Traces as a table; its roles are said, since it has none where it is laid out as blocks, on a narrow screen. */
function Found({ rows }) {
  const longest = Math.max(...rows.map((one) => one.duration_s), 1e-9);
  if (!rows.length) return html`<p class="empty">${t.traces.none}</p>`;
  return html`<${Scatter}
      rows=${rows}
      isBad=${(one) => !GOOD.includes(one.status) || one.failed_spans > 0}
      onChoose=${(one) => setQuery({ id: one.trace_id }, { isStep: true })}
      label=${t.traces.scatter}
    />
    <div class="card scroll">
      <table class="table hover stacked" role="table" aria-label=${t.traces.title}>
        <thead role="rowgroup">
          <tr role="row">
            ${t.traces.columns.map((name) => html`<th role="columnheader" scope="col">${name}</th>`)}
          </tr>
        </thead>
        <tbody role="rowgroup">
          ${rows.map(
            (one) =>
              html`<tr role="row" key=${one.trace_id}>
                <td role="cell" class="number">${moment(one.time_s)}</td>
                <td role="cell">
                  <button
                    type="button"
                    class="plain"
                    onClick=${() => setQuery({ id: one.trace_id }, { isStep: true })}
                    aria-label=${`${t.traces.open}: ${one.service} ${clock(one.time_s)} ${duration(one.duration_s)}`}
                  >
                    ${one.service}
                  </button>
                </td>
                <td role="cell">${one.name}</td>
                <td role="cell">
                  <${StatusBadge}
                    of=${one.status}
                  />${one.failed_spans > 0 && GOOD.includes(one.status) && html` <${Badge} kind="warn">${t.traces.failed(one.failed_spans)}<//>`}
                </td>
                <td role="cell" class="long">
                  <div>
                    <span class="number">${duration(one.duration_s)}</span
                    ><svg width="100%" height="8" aria-hidden="true">
                      <rect class=${one.status === "ok" ? "" : "bad"} width=${`${(100 * one.duration_s) / longest}%`} height="8" rx="2" />
                    </svg>
                  </div>
                </td>
                <td role="cell" class="number">${t.traces.spans(one.spans)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

/** How long a span took: right of its bar, left of it, or inside, wherever there is room. Places in percent. */
function Length({ from, to, text }) {
  const [where, style] =
    to < 78 ? ["", { left: `${to}%` }] : from > 22 ? ["", { right: `${100 - from}%` }] : ["inside", { right: `${Math.max(0, 100 - to)}%` }];
  return html`<span class=${classes("length number", where)} style=${style}>${text}</span>`;
}

/** The span that each is below, span by span: they come depth first. */
function parents(spans) {
  const above = [];
  return spans.map((one) => {
    above.length = one.depth;
    above.push(one);
    return above[one.depth - 1];
  });
}

function Waterfall({ trace }) {
  const spans = trace.spans,
    begin = Math.min(...spans.map((one) => one.time_s)),
    end = Math.max(...spans.map((one) => one.time_s + one.duration_s)),
    whole = end - begin || 1;
  const [open, setOpen] = useState(null);
  const x = (time) => ((time - begin) / whole) * 100;
  const above = parents(spans);
  return html`<div class="waterfall" role="table" aria-label=${t.traces.waterfall}>
      <div class="ruler" role="row">
        <span role="columnheader"><span class="hidden">${t.traces.span}</span></span
        ><span role="columnheader"
          ><span class="hidden">${t.traces.when}</span
          ><span class="ticks" aria-hidden="true">${quantities([0, 0.25, 0.5, 0.75, 1].map((share) => whole * share), "s").map((text) => html`<i>${text}</i>`)}</span></span
        >
      </div>
      ${spans.map(
        (one, i) =>
          html`<div
            role="row"
            key=${one.span_id + one.kind}
            class=${classes("span", one.kind, !GOOD.includes(one.status) && "failed", open === one.span_id && "open")}
          >
            <div role="rowheader" class="head" style=${{ paddingLeft: `${Math.min(one.depth, 12) * 0.7}rem` }}>
              <button
                type="button"
                class="plain"
                aria-expanded=${open === one.span_id}
                onClick=${() => setOpen(open === one.span_id ? null : one.span_id)}
              >
                <b>${one.service}</b> <span>${one.name}${one.kind === "client" && one.peer ? ` → ${one.peer}` : ""}</span
                ><span class="hidden">${above[i] ? t.traces.below(above[i].service, above[i].name) : ""}</span></button
              >${one.attempt > 0 && html`<${Badge} kind="warn">${t.traces.attempt(one.attempt)}<//>`}
            </div>
            <div role="cell" class="track">
              <span class="hidden">${t.traces.begins(duration(one.time_s - begin))}</span>
              <svg width="100%" height="22" aria-hidden="true">
                <rect
                  class="all"
                  x=${`${x(one.time_s)}%`}
                  y="2"
                  height="18"
                  rx="2"
                  width=${`${Math.max(0.4, (100 * one.duration_s) / whole)}%`}
                /></svg
              ><${Length}
                from=${x(one.time_s)}
                to=${x(one.time_s + one.duration_s)}
                text=${`${duration(one.duration_s)}${GOOD.includes(one.status) ? "" : ` ✗ ${one.status}`}`}
              />
            </div>
            ${
              open === one.span_id &&
              html`<div role="cell" class="more"><dl class="facts">
                ${[
                  ["kind", `${one.kind}: ${t.traces.kindsLong[one.kind] || ""}`],
                  ["status", one.status],
                  ["peer", one.peer],
                  ["begins", `+${duration(one.time_s - begin)}`],
                  ["duration", duration(one.duration_s)],
                  ["span_id", one.span_id],
                ]
                  .filter(([, value]) => value)
                  .map(
                    ([name, value]) =>
                      html`<dt>${name}</dt>
                        <dd>${value}</dd>`,
                  )}
              </dl></div>`
            }
          </div>`,
      )}
    </div>
    <p class="small quiet">${t.traces.legend}</p>`;
}

function One({ id }) {
  const { base, version, id: session } = useSession();
  const found = useLive(`${base}/traces/${encodeURIComponent(id)}`, version);
  return html`<div class="stack">
    <div class="row apart">
      <button type="button" onClick=${() => setQuery({ id: null })}>‹ ${t.traces.close}</button><code class="small">${id}</code>
    </div>
    <${Answer} of=${found}
      >${(trace) => {
        const root = trace.spans[0],
          failed = trace.spans.filter((one) => !GOOD.includes(one.status));
        const text = `${clock(root.time_s)} ${root.service} ${root.name}, ${duration(root.duration_s)}, ${
          failed.length
            ? failed
                .map((one) => `${one.name}: ${one.status}`)
                .slice(0, 3)
                .join(", ")
            : root.status
        }`;
        return html`<section class="card stack tight">
            <header>
              <h2>
                ${root.service} ${root.name}${" "}
                <span class="quiet">${clock(root.time_s)} · ${duration(root.duration_s)} · ${t.traces.spans(trace.spans.length)}</span>
              </h2>
              <${Pin} kind="trace" of=${{ trace_id: trace.trace_id }} at_s=${root.time_s} text=${text} />
            </header>
            <${Waterfall} trace=${trace} />
          </section>
          <section class="card stack tight">
            <header>
              <h2>${t.traces.logs}</h2>
              <a href=${`#/session/${encodeURIComponent(session)}/logs?trace_id=${trace.trace_id}`}>${t.traces.follow}</a>
            </header>
            ${
              trace.logs.length
                ? html`<ul class="lines">
                    ${trace.logs.map((line) => html`<${Line} line=${{ ...line, trace_id: trace.trace_id }} isInTrace />`)}
                  </ul>`
                : html`<p class="empty">${t.traces.noLogs}</p>`
            }
          </section>`;
      }}<//
    >
  </div>`;
}

export function Traces() {
  const { base, version } = useSession();
  const { query } = useRoute();
  const id = query.get("id");
  const ms = (name) => (query.get(name) ? Number(query.get(name)) / 1000 : null);
  const wanted = {
    service: query.get("service"),
    status: query.get("status"),
    min_duration_s: ms("min"),
    max_duration_s: ms("max"),
    since_s: query.get("since_s"),
    until_s: query.get("until_s"),
    order: query.get("order") || "latest",
    limit: 100,
  };
  const found = useLive(id ? null : base + "/traces" + asQuery(wanted), version);
  if (id) return html`<${One} id=${id} />`;
  return html`<${Filters} names=${FILTERS} query=${query}><${Wanted} query=${query} /><//><${Answer} of=${found}
      >${(data) => html`<${Found} rows=${Array.isArray(data) ? data : data.traces} />`}<//
    >
    <p class="small quiet">${t.traces.lead}</p>`;
}
