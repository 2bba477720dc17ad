// What was served and predicted: rows, and distributions now, before and in the training sample.
import { query as asQuery } from "../api.js";
import { TimeField } from "../fields.js";
import { clock, digits, moment } from "../format.js";
import { setQuery, useLive, useRoute } from "../hooks.js";
import { html, useState } from "../lib.js";
import { Answer, Badge, Choice, Field, Fold, breakable, useMore, named } from "../parts.js";
import { Pin } from "../pins.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";

const LONGEST = 60;
const KINDS = ["now", "before", "sample"];
const WIDTH = 420,
  HEIGHT = 170,
  LEFT = 40,
  BOTTOM = 40,
  TOP = 8;

const total = (of) => of.counts.reduce((a, b) => a + b, 0);

/** Bars side by side, as shares of each kind's rows: numbers by bins, words by category. */
function Bars({ of, label }) {
  const names = of.categories || null,
    bins = names ? names.length : of.edges.length - 1;
  const kinds = KINDS.filter((kind) => of[kind] && total(of[kind]) > 0);
  const shares = Object.fromEntries(kinds.map((kind) => [kind, of[kind].counts.map((n) => n / total(of[kind]))]));
  const most = Math.max(1e-9, ...kinds.flatMap((kind) => shares[kind]));
  const wide = (WIDTH - LEFT - 6) / bins,
    bar = Math.max(0.7, (wide * (names ? 0.8 : 0.92)) / Math.max(1, kinds.length));
  const y = (share) => TOP + (1 - share / most) * (HEIGHT - TOP - BOTTOM);
  const ticks = names
    ? names.map((name, i) => [i + 0.5, String(name)])
    : [0, Math.floor(bins / 2), bins].map((i) => [i, digits(of.edges[i])]);
  const shown = names && bins > 8 ? ticks.filter((_, i) => i % Math.ceil(bins / 8) === 0) : ticks;
  return html`<svg class="drawing bars" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${label}>
    ${[0, 0.5, 1].map((part) => html`<line class="grid" x1=${LEFT} x2=${WIDTH} y1=${y(part * most)} y2=${y(part * most)} /><text class="tick" x=${LEFT - 5} y=${y(part * most) + 4} text-anchor="end">${digits(100 * part * most)}%</text>`)}
    ${kinds.map((kind, k) => shares[kind].map((share, i) => share > 0 && html`<rect class=${`bar ${kind}`} x=${LEFT + i * wide + (wide - bar * kinds.length) / 2 + k * bar} y=${y(share)} width=${bar} height=${Math.max(0.5, HEIGHT - BOTTOM - y(share))}><title>${`${t.data.legend[kind]}: ${digits(100 * share)} %, ${names ? names[i] : `${digits(of.edges[i])} – ${digits(of.edges[i + 1])}`}`}</title></rect>`))}
    ${shown.map(([i, text], n) => html`<text class="tick" x=${LEFT + i * wide} y=${HEIGHT - BOTTOM + 15 + (names && bins > 4 && n % 2 ? 13 : 0)} text-anchor=${names ? "middle" : n === 0 ? "start" : n === shown.length - 1 ? "end" : "middle"}>${text.length > 16 ? `${text.slice(0, 15)}…` : text}</text>`)}
  </svg>`;
}

const PSI = [0.1, 0.25];
const worth = (psi) => (psi === null || psi === undefined ? "" : psi >= PSI[1] ? "bad" : psi >= PSI[0] ? "warn" : "ok");

/** How far now is from what it was compared with. */
function Distances({ of }) {
  const known = (value) => value !== null && value !== undefined;
  const against = of.compared_with === "sample" ? t.data.toSample : t.data.toBefore;
  return html`<p class="row">
    ${known(of.psi) && html`<span title=${t.data.psiHint}><${Badge} kind=${worth(of.psi)}>${t.data.psi} ${digits(of.psi)}<//></span>`}${known(of.ks) && html`<span title=${t.data.ksHint}><${Badge}>${t.data.ks} ${digits(of.ks)}<//></span>`}${known(of.psi) && html`<small>${against}. ${t.data.psiHint}</small>`}
  </p>`;
}

function Levels({ of }) {
  const kinds = KINDS.filter((kind) => of[kind]);
  return html`<div class="scroll">
    <table class="table" aria-label=${t.data.distribution}>
      <thead>
        <tr>
          <th></th>
          ${t.data.levels.map((name) => html`<th class="right">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${kinds.map(
          (kind) =>
            html`<tr key=${kind}>
              <th>
                <i class=${`swatch ${kind}`}></i> ${t.data.legend[kind]}${" "}
                ${of[`${kind}_s`] && html`<small>${clock(of[`${kind}_s`][0])}–${clock(of[`${kind}_s`][1])}</small>`}
              </th>
              <td class="right">${digits(of[kind].rows)}</td>
              <td class="right">${digits((100 * of[kind].nulls) / Math.max(1, of[kind].rows))} %</td>
              ${["mean", "p5", "p50", "p95"].map((name) => html`<td class="right">${digits(of[kind][name])}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function Distribution({ table, column, columns, query }) {
  const { base, version, session } = useSession();
  // By default what is compared with ends well before now, so that little of the incident is in it.
  const before = {
    since: query.get("before_since_s") || "0",
    until: query.get("before_until_s") || String(Math.floor(session.clock.as_of_s / 4 / session.clock.tick_s + 1) * session.clock.tick_s),
  };
  const by = query.get("by") || "";
  const found = useLive(
    `${base}/tables/${encodeURIComponent(table)}/columns/${encodeURIComponent(column)}/distribution${asQuery({ since_s: query.get("since_s"), until_s: query.get("until_s"), before_since_s: before.since, before_until_s: before.until, by })}`,
    version,
  );
  const splits = [...columns]
    .filter((one) => one.name !== column && !/(^|_)(id|s)$/.test(one.name))
    .sort((one, other) => (one.type === "text" ? 0 : 1) - (other.type === "text" ? 0 : 1))
    .map((one) => one.name);
  return html`<section class="card stack tight" id="distribution">
    <header>
      <h2>${t.data.distribution}: ${column}</h2>
      <div class="row end">
        <${Choice} label=${t.data.by} empty=${t.data.nobody} value=${by} options=${splits} onChange=${(value) => setQuery({ by: value })} />
        <${TimeField} label=${t.data.nowSince} name="since_s" value=${query.get("since_s")} /><${TimeField}
          label=${t.data.nowUntil}
          name="until_s"
          value=${query.get("until_s")}
        /><${TimeField} label=${t.data.beforeSince} name="before_since_s" value=${before.since} /><${TimeField}
          label=${t.data.beforeUntil}
          name="before_until_s"
          value=${before.until}
        />
      </div>
    </header>
    <p class="quiet small">${columns.find((one) => one.name === column)?.doc}</p>
    <${Answer} of=${found}
      >${(data) => {
        const text = `${table}.${column}: ${[data.psi !== null && `PSI ${digits(data.psi)} (${data.compared_with === "sample" ? t.data.toSample : t.data.toBefore})`, data.now.mean !== null && t.data.meanNow(digits(data.now.mean), digits(data.before.mean)), data.now.nulls > 0 && t.data.nulls(`${digits((100 * data.now.nulls) / data.now.rows)} %`)].filter(Boolean).join(", ")}`;
        return html`${total(data.now) + total(data.before) ? html`<${Bars} of=${data} label=${text} />` : html`<p class="empty">${t.data.few}</p>`}
          <div class="row apart">
            <${Distances} of=${data} /><${Pin} kind="distribution" of=${{ table, column, psi: data.psi, ks: data.ks }} text=${text} />
          </div>
          <${Levels} of=${data} /> ${
            data.by &&
            html`<div class="charts">
              ${Object.entries(data.by).map(
                ([value, group]) =>
                  html`<figure key=${value}>
                    <figcaption><b>${t.data.group(by, value)}</b> <small>${t.data.rowsOf(digits(group.rows))}</small></figcaption>
                    ${total(group) > 0 && html`<${Bars} of=${{ edges: data.edges, categories: data.categories, now: group, sample: data.sample, before: data.sample ? null : data.before }} label=${t.data.group(by, value)} />`}
                  </figure>`,
              )}
            </div>`
          }`;
      }}<//
    >
  </section>`;
}

/** Conditions that rows must meet, each `COLUMN:VALUE`. */
function Where({ columns, given }) {
  const [column, setColumn] = useState(columns[0].name),
    [value, setValue] = useState("");
  const add = (event) => {
    event.preventDefault();
    if (value.trim()) setQuery({ where: [...given, `${column}:${value.trim()}`] });
    setValue("");
  };
  return html`<form class="row end" onSubmit=${add}>
    ${given.map((one) => html`<button type="button" key=${one} class="on" aria-label=${`${t.remove}: ${one}`} onClick=${() => setQuery({ where: given.filter((other) => other !== one) })}>${one.replace(":", " = ")} ✕</button>`)}
    <${Choice}
      label=${t.data.filter}
      value=${columns.some((one) => one.name === column) ? column : columns[0].name}
      options=${columns.map((one) => one.name)}
      onChange=${setColumn}
    /><${Field} label=${t.data.equals}><input class="level" value=${value} onInput=${(event) => setValue(event.target.value)} /><//
    ><button disabled=${!value.trim()}>${t.board.add}</button>
  </form>`;
}

/** Chooses a column, and brings what is told of it into view: on a narrow screen it stands below all columns. */
function choose(column) {
  setQuery({ column, by: null });
  const block = matchMedia("(max-width: 52rem)").matches ? "start" : "nearest";
  setTimeout(() => document.getElementById("distribution")?.scrollIntoView({ block }));
}

/** A cell as text: numbers short, ids and counts whole, moments to the millisecond, what is missing as a dash. */
export function cell(value, name = "") {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number" && name.endsWith("time_s")) return moment(value);
  if (typeof value === "number" && /(^|[._])id$/.test(name)) return String(value);
  if (typeof value === "number") return digits(value);
  if (typeof value !== "object") return String(value);
  const text = JSON.stringify(value);
  return text.length > LONGEST
    ? html`<details>
        <summary>${text.slice(0, LONGEST)}…</summary>
        <pre>${JSON.stringify(value, null, 2)}</pre>
      </details>`
    : text;
}

function Rows({ table, columns, query }) {
  const { base, version, id } = useSession();
  const found = useLive(
    `${base}/tables/${encodeURIComponent(table)}/rows${asQuery({ where: query.getAll("where"), since_s: query.get("since_s"), until_s: query.get("until_s"), limit: 50 })}`,
    version,
  );
  return html`<section class="card stack tight">
    <header>
      <h2>${t.data.rowsTitle}</h2>
      <${Where} columns=${columns} given=${query.getAll("where")} />
    </header>
    <${Answer} of=${found}
      >${(data) => {
        const rows = Array.isArray(data) ? data : data.rows;
        if (!rows.length) return html`<p class="empty">${t.data.noRows}</p>`;
        const names = Object.keys(rows[0]);
        return html`<div class="scroll tall" tabindex="0" role="region" aria-label=${t.data.rowsTitle}>
          <table class="table cells hover">
            <thead>
              <tr>
                ${names.map((name) => html`<th class=${typeof rows[0][name] === "number" ? "right" : ""}><button type="button" class="plain" onClick=${() => choose(name)}>${name}</button></th>`)}
              </tr>
            </thead>
            <tbody>
              ${rows.map(
                (row) =>
                  html`<tr>
                    ${names.map((name) => html`<td class=${typeof row[name] === "number" ? "right" : ""}>${name === "trace_id" && row[name] ? html`<a href=${`#/session/${encodeURIComponent(id)}/traces?id=${row[name]}`}>${String(row[name]).slice(0, 8)}…</a>` : cell(row[name], name)}</td>`)}
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>`;
      }}<//
    >
  </section>`;
}

function Columns({ columns, chosen }) {
  const [shown, more] = useMore(columns, 40);
  return html`<ul class="choices">
      ${shown.map(
        (one) =>
          html`<li key=${one.name}>
            <button
              type="button"
              class="choice"
              aria-pressed=${one.name === chosen}
              title=${one.doc}
              onClick=${() => choose(one.name)}
            >
              <span class="name">${breakable(one.name)}</span> <small>${one.type || ""}</small>
            </button>
          </li>`,
      )}
    </ul>
    ${more}`;
}

export function Data() {
  const { base, version } = useSession();
  const { query } = useRoute();
  const listed = useLive(`${base}/tables`, version);
  return html`<${Answer} of=${listed}
    >${(data) => {
      const tables = Array.isArray(data) ? data : data.tables;
      const table = tables.find((one) => one.name === query.get("table")) || tables[0];
      if (!table) return html`<p class="empty">${t.data.none}</p>`;
      const column = query.get("column");
      return html`<div class="beside-picker">
        <${Fold} text=${t.data.columns}><section class="card picker stack tight" aria-label=${t.data.columns}>
          <${Choice}
            label=${t.data.table}
            value=${table.name}
            options=${tables.map((one) => one.name)}
            onChange=${(value) => setQuery({ table: value, column: null, by: null, where: null })}
          />
          <p class="small quiet">${named(table.doc)}. ${table.rows !== undefined && t.data.rows(digits(table.rows))}</p>
          <${Columns} columns=${table.columns} chosen=${column} />
        </section><//>
        <div class="stack">
          <p class="quiet">${t.data.lead}</p>
          ${column && table.columns.some((one) => one.name === column) ? html`<${Distribution} key=${table.name + column} table=${table.name} column=${column} columns=${table.columns} query=${query} />` : html`<p class="small quiet">${t.data.choose}</p>`}
          <${Rows} key=${table.name} table=${table.name} columns=${table.columns} query=${query} />
        </div>
      </div>`;
    }}<//
  >`;
}
