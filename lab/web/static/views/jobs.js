// Jobs and their runs, versions that were published and served, files that the team has at hand.
import { Chart, COLOURS } from "../chart.js";
import { clock, duration } from "../format.js";
import { useLive } from "../hooks.js";
import { html, useState } from "../lib.js";
import { Answer, Badge } from "../parts.js";
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

function Job({ job }) {
  const failed = (run) => ["ERROR", "WARN"].includes(run.severity);
  return html`<section class="card stack tight">
    <header>
      <h2>${job.name}</h2>
      <span class="quiet small"
        >${[job.period_s ? t.jobs.period(duration(job.period_s)) : "", job.calls.length ? t.jobs.calls([...new Set(job.calls)].join(", ")) : ""].filter(Boolean).join(" · ")}</span
      >
    </header>
    <p>
      <${Badge} kind=${job.last_success_age_s === null ? "" : job.last_success_age_s > 2.5 * job.period_s ? "warn" : "ok"}
        >${job.last_success_age_s === null ? t.jobs.never : t.jobs.age(duration(job.last_success_age_s))}<//
      >
    </p>
    ${
      job.runs.length
        ? html`<svg
              class="drawing runs"
              viewBox="0 0 400 22"
              role="img"
              aria-label=${t.jobs.runs(job.runs.length, job.runs.filter(failed).length)}
            >
              ${[...job.runs]
                .reverse()
                .slice(-60)
                .map(
                  (run, i) =>
                    html`<rect
                      class=${failed(run) ? "bad" : ""}
                      x=${i * 6.6}
                      y=${failed(run) ? 2 : 8}
                      width="5"
                      height=${failed(run) ? 18 : 12}
                      ><title>${clock(run.time_s)} ${run.body}</title></rect
                    >`,
                )}
            </svg>
            <details>
              <summary class="small">${t.jobs.jobs} (${job.runs.length})</summary>
              <ul class="lines">
                ${job.runs.slice(0, SHOWN).map((run) => html`<${Line} key=${run.id} line=${run} />`)}
              </ul>
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
