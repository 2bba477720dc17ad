// A cell of the calendar that was chosen: the run with its log lines, the versions that it read and wrote, what changed.
import { query } from "../api.js";
import { duration, quantity } from "../format.js";
import { useLive } from "../hooks.js";
import { html, useEffect, useRef } from "../lib.js";
import { Answer, Badge } from "../parts.js";
import { Pin } from "../pins.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";
import { Line } from "./logs.js";

const LEVELS = ["q50", "mean", "q05", "q95", "null_ratio", "distinct", "top_ratio"];
const RATIOS = ["null_ratio", "top_ratio"];
const level = (name, value) => quantity(value, RATIOS.includes(name) ? "ratio" : "1");

/** Levels of a column that moved, before and after. */
function Moved({ moved }) {
  return html`<div class="scroll">
    <table class="table">
      <thead>
        <tr>
          <th scope="col">${t.calendar.column}</th>
          ${LEVELS.map((name) => html`<th scope="col" class="right">${t.calendar.levels[name]}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${moved.map(
          (one) =>
            html`<tr key=${one.column}>
              <th scope="row">${one.column}</th>
              ${LEVELS.map(
                (name) => html`<td class="right">${one.before[name] === one.after[name] ? level(name, one.after[name]) : html`${level(name, one.before[name])} → <b>${level(name, one.after[name])}</b>`}</td>`,
              )}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** What differs from the version before, in words and levels. */
function Before({ version }) {
  const { before } = version;
  if (!before) return html`<p class="quiet small">${t.calendar.first}</p>`;
  const told = [
    before.is_same && t.calendar.same,
    !before.is_same && version.is_repeated && t.calendar.earlier,
    before.rows !== null && version.rows !== before.rows && t.calendar.rowsMoved(quantity(before.rows, "1"), quantity(version.rows, "1")),
    before.added.length > 0 && t.calendar.added(before.added.join(", ")),
    before.removed.length > 0 && t.calendar.removed(before.removed.join(", ")),
    before.retyped.length > 0 && t.calendar.retyped(before.retyped.join(", ")),
    !before.is_same && !before.is_profiled && t.calendar.unprofiled,
    !before.is_same && before.is_profiled && ![...before.moved, ...before.added, ...before.removed, ...before.retyped].length && t.calendar.unmoved,
  ].filter(Boolean);
  return html`<p class="small">${t.calendar.against}: ${told.join("; ")}.</p>
    ${before.moved.length > 0 && html`<${Moved} moved=${before.moved} />`}`;
}

function Version({ dataset, version }) {
  return html`<div class="version">
    <p>
      <b>${dataset}</b> <code>${version.version}</code> <span class="quiet small">${[version.written, version.rows !== null && t.calendar.rows(version.rows)].filter(Boolean).join(", ")}</span>
    </p>
    <${Before} version=${version} />
  </div>`;
}

/** What a run read and wrote. */
function ReadAndWritten({ trace }) {
  const { base, version } = useSession();
  const read = useLive(base + "/lineage" + query({ trace_id: trace }), version),
    written = useLive(base + "/datasets" + query({ trace_id: trace }), version);
  return html`<${Answer} of=${read}
      >${({ events }) => {
        const inputs = new Map(events.flatMap((event) => event.inputs).map((one) => [`${one.dataset}${one.version}`, one]));
        return html`<h3>${t.calendar.read}</h3>
          ${
            inputs.size
              ? html`<ul class="plainlist">
                  ${[...inputs.values()].map((one) => html`<li key=${one.dataset}>${one.dataset} <code>${one.version ?? t.none}</code></li>`)}
                </ul>`
              : html`<p class="quiet small">${t.calendar.unknownRead}</p>`
          }`;
      }}<//
    ><${Answer} of=${written}
      >${({ datasets }) =>
        html`<h3>${t.calendar.written}</h3>
          ${
            datasets.length
              ? datasets.map((one) => one.versions.map((version) => html`<${Version} key=${version.version + version.written_s} dataset=${one.dataset} version=${version} />`))
              : html`<p class="quiet small">${t.calendar.nothingWritten}</p>`
          }`}<//
    >`;
}

/** Lines of a run's own log. */
function RunLog({ trace }) {
  const { base, version } = useSession();
  const found = useLive(base + "/logs" + query({ trace_id: trace, order: "first", limit: 30 }), version);
  return html`<${Answer} of=${found}
    >${({ logs }) =>
      html`<ul class="lines">
        ${logs.map((line) => html`<${Line} key=${line.id} line=${line} />`)}
      </ul>`}<//
  >`;
}

/** One attempt of a job: how it ended, how long it took, its log, what it read and wrote. */
function Attempt({ attempt, number, count }) {
  const { id } = useSession();
  return html`<section class="stack tight">
    ${count > 1 && html`<h3>${t.calendar.attempt(number, count)}</h3>`}
    <p>
      <${Badge} kind=${attempt.is_failed ? "bad" : "ok"}>${attempt.text}<//> ${attempt.ended}
      ${attempt.duration_s !== null && ` ${t.calendar.took(duration(attempt.duration_s))}`}
      ${attempt.trace_id && html` · <a href=${`#/session/${encodeURIComponent(id)}/traces?id=${attempt.trace_id}`}>${t.calendar.trace}</a>`}
    </p>
    ${attempt.trace_id && html`<${RunLog} trace=${attempt.trace_id} /><${ReadAndWritten} trace=${attempt.trace_id} />`}
  </section>`;
}

function Job({ cell }) {
  if (!cell) return html`<p class="quiet">${t.calendar.notDue}</p>`;
  const { attempts } = cell;
  return html`<p>
      <b>${t.calendar.outcomes[cell.outcome]}</b>${cell.outcome === "late" ? `, ${t.calendar.later(duration(cell.delay_s))}` : ""}
    </p>
    ${attempts.map((one, i) => html`<${Attempt} key=${one.ended_s} attempt=${one} number=${i + 1} count=${attempts.length} />`)}
    ${!attempts.length && html`<p class="quiet small">${t.calendar.noAttempts}</p>`}`;
}

function Dataset({ cell, name }) {
  const { base, version } = useSession();
  const found = useLive(cell ? base + "/datasets" + query({ dataset: name }) : null, version);
  const used = useLive(cell ? base + "/lineage" + query({ dataset: name, limit: 200 }) : null, version);
  if (!cell) return html`<p class="quiet">${t.calendar.noVersion}</p>`;
  const readers = (used.data?.events || []).filter((event) => event.inputs.some((one) => one.dataset === name && one.version === cell.version.version));
  return html`<p><b>${t.calendar.states[cell.state]}</b>${cell.writes > 1 ? `, ${t.calendar.writes(cell.writes)}` : ""}</p>
    <${Answer} of=${found}
      >${({ datasets }) => {
        const mine = datasets[0]?.versions.find((one) => one.version === cell.version.version && one.written_s === cell.version.written_s);
        return mine ? html`<${Version} dataset=${name} version=${mine} />` : null;
      }}<//
    >
    ${readers.length > 0 && html`<p class="small">${t.calendar.readBy}: ${readers.map((event) => `${event.job} (${event.at})`).join(", ")}</p>`}
    ${cell.version.trace_id && cell.writes > 0 && html`<h3>${t.calendar.writer(cell.version.job)}</h3><${RunLog} trace=${cell.version.trace_id} /><${ReadAndWritten} trace=${cell.version.trace_id} />`}`;
}

function Column({ row, place }) {
  const { id } = useSession();
  const subject = `${row.dataset}.${row.column}`;
  const facts = [
    [t.calendar.facts.psi, quantity(row.psi[place], "1")],
    [t.calendar.facts.median, quantity(row.medians[place], "1")],
    [t.calendar.facts.nulls, quantity(row.nulls[place], "ratio")],
  ];
  return html`<dl class="facts">
      ${facts.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
    <p class="row">
      <a class="button" href=${`#/session/${encodeURIComponent(id)}/signals?${new URLSearchParams([["of", `column_drift_psi:${subject}`], ["of", `column_median:${subject}`]])}`}>${t.calendar.chart}</a>
    </p>`;
}

function Moments({ of, period }) {
  const here = of.filter((one) => one.at_s < period.ends_s && (one.until_s ?? one.at_s) >= period.starts_s);
  return html`<ul class="plainlist">
    ${here.map((one) => html`<li key=${one.at_s + one.text}>${one.at}: ${one.text}</li>`)}
    ${!here.length && html`<li class="quiet">${t.calendar.nothing}</li>`}
  </ul>`;
}

function InUse({ row, place, period }) {
  const { id } = useSession(),
    number = row.numbers[place],
    of = { signal: row.signal, subject: row.subject };
  return html`<p>${number === null ? t.calendar.nothing : t.calendar.inUse(number)}: ${row.doc}</p>
    <p class="row">
      <a class="button" href=${`#/session/${encodeURIComponent(id)}/signals?${new URLSearchParams([["of", `${row.signal}:${row.subject}`]])}`}>${t.calendar.chart}</a>
      ${number !== null && html`<${Pin} kind="chart" of=${of} at_s=${period.starts_s} text=${`${row.signal} ${row.subject}: ${t.calendar.inUse(number)}`} />`}
    </p>`;
}

/** What can be pinned of a cell: the signals that it tells of, each in the words of the cell. */
function Pins({ row: { name, of, cells }, place, period }) {
  const when = [period.name, period.day].filter(Boolean).join(", "),
    words = cells[place]?.words || t.calendar.nothing;
  if (!of?.signals?.length) return null;
  return html`<div class="row small pins">
    <span class="quiet">${t.pin.title}:</span>
    ${of.signals.map((signal) => html`<${Pin} key=${signal} kind="chart" of=${{ signal, subject: name }} at_s=${period.starts_s} text=${`${when}: ${signal} ${name}, ${words}`} label=${signal} />`)}
  </div>`;
}

/** The cell that was chosen, in full; the focus goes to its heading. */
export function Chosen({ chosen: { kind, place, row }, calendar, onClose }) {
  const heading = useRef(),
    period = calendar.periods[place];
  useEffect(() => {
    heading.current.focus({ preventScroll: true });
    heading.current.scrollIntoView({ block: "nearest" });
  }, []);
  const cell = row.of?.cells?.[place];
  return html`<section class="card stack tight chosen-cell">
    <header>
      <h2 tabindex="-1" ref=${heading}>${row.name}, ${[period.name, period.day].filter(Boolean).join(", ")}</h2>
      <button type="button" class="plain" onClick=${onClose} aria-label=${t.close}>✕</button>
    </header>
    ${kind === "job" && html`<${Job} cell=${cell} />`}
    ${kind === "dataset" && html`<${Dataset} cell=${cell} name=${row.name} />`}
    ${kind === "column" && html`<${Column} row=${row.of} place=${place} />`}
    ${kind === "in_use" && html`<${InUse} row=${row.of} place=${place} period=${period} />`}
    <${Pins} row=${row} place=${place} period=${period} />
    ${["change", "action", "clock", "alert"].includes(kind) && html`<${Moments} of=${calendar.moments.filter((one) => one.kind === kind)} period=${period} />`}
  </section>`;
}
