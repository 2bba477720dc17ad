// Log lines: filtered, and one request followed through all components.
import { query as asQuery } from "../api.js";
import { ClearFilters, Filters, TimeField, Typed } from "../fields.js";
import { clock, moment } from "../format.js";
import { setQuery, useLive, useRoute } from "../hooks.js";
import { classes, html, useState } from "../lib.js";
import { Answer, Badge, Choice } from "../parts.js";
import { Pin } from "../pins.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";
import { useElements } from "./answer.js";

const FILTERS = ["service", "severity", "event", "contains", "trace_id", "since_s", "until_s", "order"];
const SEVERITIES = ["DEBUG", "INFO", "WARN", "ERROR"];
const KINDS = { ERROR: "bad", WARN: "warn" };
const PAGE = 100;

/** One line; `isInTrace` leaves out what leads to the trace that it stands in. */
export function Line({ line, isInTrace }) {
  const { id } = useSession();
  return html`<li class=${classes("line", line.severity)}>
    <span class="number when">${moment(line.time_s)}</span
    ><span class="who">${line.service}</span><${Badge} kind=${KINDS[line.severity] || ""}>${line.severity}<//>
    <span class="body"><span class="quiet">${line.event}</span> ${line.body}</span>
    <span class="does"
      >${line.trace_id && !isInTrace && html`<a class="small" href=${`#/session/${encodeURIComponent(id)}/logs?trace_id=${line.trace_id}`}>${t.logs.follow}</a>`}<${Pin}
        kind="log"
        of=${{ trace_id: line.trace_id || null, service: line.service, event: line.event, time_s: line.time_s }}
        at_s=${line.time_s}
        text=${`${clock(line.time_s)} ${line.service} ${line.severity}: ${line.body}`}
    /></span>
  </li>`;
}

function Wanted({ query }) {
  const services = useElements().filter((name) => !name.includes("->"));
  const choose = (name) => (value) => setQuery({ [name]: value });
  return html`<form class="card row end" onSubmit=${(event) => event.preventDefault()}>
    <${Choice}
      label=${t.logs.service}
      empty=${t.logs.any}
      value=${query.get("service")}
      options=${services}
      onChange=${choose("service")}
    />
    <${Choice}
      label=${t.logs.severity}
      empty=${t.logs.any}
      value=${query.get("severity")}
      options=${SEVERITIES}
      onChange=${choose("severity")}
    />
    <${Typed} label=${t.logs.contains} name="contains" value=${query.get("contains")} /><${Typed}
      label=${t.logs.event}
      name="event"
      value=${query.get("event")}
    />
    <${Typed} label=${t.logs.trace} name="trace_id" value=${query.get("trace_id")} className="id" />
    <${TimeField} label=${t.logs.since} name="since_s" value=${query.get("since_s")} /><${TimeField}
      label=${t.logs.until}
      name="until_s"
      value=${query.get("until_s")}
    />
    <${Choice}
      label=${t.traces.order}
      value=${query.get("order") || "latest"}
      options=${Object.entries(t.logs.orders)}
      onChange=${choose("order")}
    />
    <${ClearFilters} names=${FILTERS} query=${query} />
  </form>`;
}

/** Newest lines, and older ones as often as they are asked for. */
export function Logs() {
  const { base, version, id } = useSession();
  const { query } = useRoute();
  const [limit, setLimit] = useState(PAGE);
  const wanted = Object.fromEntries(FILTERS.map((name) => [name, query.get(name)]));
  const found = useLive(base + "/logs" + asQuery({ ...wanted, limit }), version);
  const trace = query.get("trace_id"),
    isFirst = query.get("order") === "first";
  return html`<${Filters} names=${FILTERS} query=${query}><${Wanted} query=${query} /><//>
    ${trace && html`<p class="note row apart"><span>${t.logs.following(trace)}</span><a href=${`#/session/${encodeURIComponent(id)}/traces?id=${trace}`}>${t.logs.asTrace}</a></p>`}
    <section class="card">
      <${Answer} of=${found}
        >${({ logs, more }) =>
          html`${
            logs.length
              ? html`<ul class="lines">
                  ${(isFirst ? [...logs].sort((one, other) => one.time_s - other.time_s) : logs).map((line) => html`<${Line} key=${line.id ?? `${line.time_s}${line.service}${line.body}`} line=${line} isInTrace=${Boolean(trace)} />`)}
                </ul>`
              : html`<p class="empty">${t.logs.none}</p>`
          }
          ${more && limit < 500 && html`<button type="button" class="plain" onClick=${() => setLimit(500)}>${t.logs.more[isFirst ? "first" : "latest"]}</button>`}`}<//
      >
    </section>`;
}
