// Runs of jobs, versions of models and data, and what was agreed on.
import { clock, duration } from "../format.js";
import { useLive } from "../hooks.js";
import { html } from "../lib.js";
import { Answer } from "../parts.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";
import { cell } from "./data.js";
import { StatusBadge } from "./traces.js";

const isTime = (name) => name.endsWith("time_s") || name.endsWith("at_s") || ["since_s", "from_s", "until_s", "first_s", "last_s"].includes(name);
const isLength = (name) => /(duration|age|period|delay)\w*_s$/.test(name);

/** Whatever a row says, by its names: times as times, lengths as lengths. */
function Rows({ rows, label }) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => rows.some((row) => row[name] !== null && row[name] !== undefined && row[name] !== ""));
  const show = (name, value) => (name === "status" ? html`<${StatusBadge} of=${value} />` : typeof value === "number" && isTime(name) ? clock(value) : typeof value === "number" && isLength(name) ? duration(value) : cell(value));
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table class="table cells"><thead><tr>${names.map((name) => html`<th>${name.replace(/_s$/, "").replaceAll("_", " ")}</th>`)}</tr></thead><tbody>${rows.map((row) => html`<tr>${names.map((name) => html`<td>${show(name, row[name])}</td>`)}</tr>`)}</tbody></table></div>`;
}

const listOf = (data, name) => (Array.isArray(data) ? data : data[name] || []);

function Reference({ name }) {
  const { base, version } = useSession();
  const file = useLive(`${base}/reference/${encodeURIComponent(name)}`, version);
  return html`<details><summary>${name}</summary><${Answer} of=${file}>${(data) => html`<pre class="scroll" tabindex="0">${JSON.stringify(data, null, 2)}</pre>`}<//></details>`;
}

export function Jobs() {
  const { base, version } = useSession();
  const jobs = useLive(`${base}/jobs`, version), versions = useLive(`${base}/versions`, version);
  return html`<p class="quiet">${t.jobs.lead}</p>
    <section class="card"><header><h2>${t.jobs.versions}</h2></header><${Answer} of=${versions}>${(data) => {
      const groups = Array.isArray(data) ? [["", data]] : Object.entries(data).filter(([name, rows]) => Array.isArray(rows) && rows.length && typeof rows[0] === "object" && name !== "reference");
      const files = Array.isArray(data) ? [] : data.reference || [];
      return html`${groups.length && groups.some(([, rows]) => rows.length) ? groups.map(([name, rows]) => html`${name && html`<h4>${name.replaceAll("_", " ")}</h4>`}<${Rows} rows=${rows} label=${name || t.jobs.versions} />`) : html`<p class="empty">${t.jobs.noVersions}</p>`}
        ${files.length > 0 && html`<h4>${t.jobs.reference}</h4>${files.map((name) => html`<${Reference} key=${name} name=${name.name || name} />`)}`}`;
    }}<//></section>
    <section class="card"><header><h2>${t.jobs.jobs}</h2></header><${Answer} of=${jobs}>${(data) => {
      const rows = listOf(data, "jobs").flatMap((job) => (job.runs ? job.runs.map((run) => ({ job: job.name, ...run })) : [job]));
      return rows.length ? html`<${Rows} rows=${[...rows].reverse().slice(0, 100)} label=${t.jobs.jobs} />` : html`<p class="empty">${t.jobs.noJobs}</p>`;
    }}<//></section>`;
}
