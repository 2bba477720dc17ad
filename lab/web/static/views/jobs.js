// Jobs and their runs, versions that were published and served, files that the team has at hand.
import { Chart, COLOURS } from "../chart.js";
import { clock, duration } from "../format.js";
import { useLive } from "../hooks.js";
import { html, useState } from "../lib.js";
import { Answer, Badge, useMore } from "../parts.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";
import { cell } from "./data.js";
import { Line } from "./logs.js";
import { useMarks } from "./overview.js";

const SHOWN = 20;

/** Whatever rows say, a column a name. */
function Table({ rows, label }) {
  const isLong = (name) => rows.some((row) => typeof row[name] === "object" && row[name] !== null);
  const all = [...new Set(rows.flatMap((row) => Object.keys(row)))],
    names = [...all.filter((name) => !isLong(name)), ...all.filter(isLong)];
  return html`<div class="scroll tall" tabindex="0" role="region" aria-label=${label}>
    <table class="table cells">
      <thead>
        <tr>
          ${names.map((name) => html`<th>${name.replaceAll("_", " ")}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${names.map((name) => html`<td>${cell(row[name])}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const failed = (run) => ["ERROR", "WARN"].includes(run.severity);
/** What a job's strip of runs is as long as, in runs. */
const LONGEST = 60,
  WIDTH = 400;

/** How many runs were missed in `length` seconds between two that were logged. */
const missed = (length, period) => Math.max(0, Math.round(length / period) - 1);

/** The last runs of a job, each where it was logged in time: a run that is missing is a gap. */
function Runs({ job }) {
  const { session } = useSession();
  const to = session.clock.as_of_s,
    from = Math.max(0, to - LONGEST * job.period_s);
  const runs = job.runs.filter((run) => run.time_s >= from).reverse();
  const times = runs.map((run) => run.time_s);
  // The run that is due last may not have ended yet.
  const late = Math.max(0, Math.floor((to - (times.at(-1) ?? from)) / job.period_s) - 1);
  const missing = times.slice(1).reduce((sum, time, i) => sum + missed(time - times[i], job.period_s), late);
  const text = t.jobs.runs(clock(from), clock(to), runs.length, runs.filter(failed).length, missing);
  const wide = Math.min(5, (0.75 * WIDTH * job.period_s) / Math.max(to - from, job.period_s));
  return html`<svg class="drawing runs" viewBox=${`0 0 ${WIDTH} 22`} role="img" aria-label=${text}>
      <line class="grid" x1="0" x2=${WIDTH} y1="21" y2="21" />
      ${runs.map(
        (run) =>
          html`<rect
            key=${run.id}
            class=${failed(run) ? "bad" : ""}
            x=${((run.time_s - from) / Math.max(to - from, 1e-9)) * (WIDTH - wide)}
            y=${failed(run) ? 2 : 8}
            width=${wide}
            height=${failed(run) ? 18 : 12}
            ><title>${clock(run.time_s)} ${run.body}</title></rect
          >`,
      )}
    </svg>
    <p class="small quiet" aria-hidden="true">${text}</p>`;
}

function Job({ job }) {
  const lines = [...job.runs, ...job.notices].sort((one, other) => other.time_s - one.time_s);
  const [shown, more] = useMore(lines, SHOWN);
  return html`<section class="card stack tight">
    <header>
      <h2>${job.name}</h2>
      <span class="quiet small"
        >${[job.period_s ? t.jobs.period(duration(job.period_s)) : "", job.starts_s ? t.jobs.starts(duration(job.starts_s)) : "", job.needs.length ? t.jobs.needs(job.needs.join(", ")) : "", job.calls.length ? t.jobs.calls([...new Set(job.calls)].join(", ")) : ""].filter(Boolean).join(" · ")}</span
      >
    </header>
    <p>
      <${Badge} kind=${job.last_success_age_s === null ? "" : job.last_success_age_s > 2.5 * job.period_s ? "warn" : "ok"}
        >${job.last_success_age_s === null ? t.jobs.never : t.jobs.age(duration(job.last_success_age_s))}<//
      >
    </p>
    ${
      lines.length
        ? html`<${Runs} job=${job} />
            <details>
              <summary class="small">${t.jobs.jobs} (${lines.length})</summary>
              <ul class="lines">
                ${shown.map((run) => html`<${Line} key=${run.id} line=${run} />`)}
              </ul>
              ${more}
            </details>`
        : html`<p class="empty">${t.jobs.noJobs}</p>`
    }
  </section>`;
}

function Served({ series }) {
  const { session } = useSession();
  const marks = useMarks();
  const label = (one) => [one.metric, one.component, one.peer, one.attribute].filter(Boolean).join(" ");
  const units = [...new Set(series.map((one) => one.unit))];
  return units.map(
    (unit) =>
      html`<${Chart}
        key=${unit}
        unit=${unit}
        range=${[0, session.clock.end_s]}
        marks=${marks}
        height=${130}
        series=${series
          .filter((one) => one.unit === unit)
          .slice(0, COLOURS)
          .map((one) => ({ label: label(one), times_s: one.times_s, values: one.values }))}
      />`,
  );
}

function Published({ registered }) {
  const files = [...new Set(registered.map((one) => one.file))];
  return files.map(
    (file) =>
      html`<div key=${file}>
        <p class="small quiet">${file}</p>
        <${Table} rows=${registered.filter((one) => one.file === file).map((one) => one.entry)} label=${file} />
      </div>`,
  );
}

function File({ one }) {
  const { base, version } = useSession();
  const [open, set] = useState(false);
  const file = useLive(open ? `${base}/reference/${encodeURIComponent(one.name)}` : null, version);
  return html`<details onToggle=${(event) => set(event.target.open)}>
    <summary><b>${one.name}</b> <span class="quiet small">${one.doc}</span></summary>
    ${
      open &&
      html`<${Answer} of=${file}
        >${(data) =>
          data.rows
            ? html`<p class="small quiet">${t.jobs.rowsCount(data.rows_count)}</p>
                <${Table} rows=${data.rows.slice(0, SHOWN)} label=${one.name} />`
            : html`<pre class="scroll tall" tabindex="0">${JSON.stringify(data.content, null, 2)}</pre>`}<//
      >`
    }
  </details>`;
}

function Versions({ of: { registered, served, logged } }) {
  if (!registered.length && !served.length && !logged.length) return html`<p class="empty">${t.jobs.noVersions}</p>`;
  return html`${
    registered.length > 0 &&
    html`<h3>${t.jobs.registered}</h3>
      <${Published} registered=${registered} />`
  }
  ${
    served.length > 0 &&
    html`<h3>${t.jobs.served}</h3>
      <${Served} series=${served} />`
  }
  ${
    logged.length > 0 &&
    html`<h3>${t.jobs.logged}</h3>
      <ul class="lines">
        ${logged.slice(0, SHOWN).map((line) => html`<${Line} key=${line.id} line=${line} />`)}
      </ul>`
  }`;
}

export function Jobs() {
  const { base, version } = useSession();
  const jobs = useLive(`${base}/jobs`, version),
    versions = useLive(`${base}/versions`, version),
    files = useLive(`${base}/reference`);
  return html`<p class="quiet">${t.jobs.lead}</p>
    <${Answer} of=${jobs}>${(list) => html`<div class="charts">${list.map((job) => html`<${Job} key=${job.name} job=${job} />`)}</div>`}<//>
    <section class="card stack tight">
      <header><h2>${t.jobs.versions}</h2></header>
      <${Answer} of=${versions}>${(data) => html`<${Versions} of=${data} />`}<//>
    </section>
    <${Answer} of=${files}
      >${(list) =>
        list.length > 0 &&
        html`<section class="card stack tight">
          <h2>${t.jobs.reference}</h2>
          ${list.map((one) => html`<${File} key=${one.name} one=${one} />`)}
        </section>`}<//
    >`;
}
