// The instructor's page: how everyone is getting on, the scoreboard beside the engines, release, export, calibration.
import { ROOT, send } from "../api.js";
import { digits, endClock } from "../format.js";
import { usePolled } from "../hooks.js";
import { html, useState } from "../lib.js";
import { Badge, Dialog, Lost, Problem, useToast } from "../parts.js";
import { t } from "../texts.js";
import { PersonalLink } from "./rejoin.js";

const KINDS = { released: "ok", answered: "on", ready: "", acting: "acting", preparing: "", failed: "bad" };

/** Who takes part; for who has lost their personal link there is a new one. */
function People({ participants }) {
  const [asked, ask] = useState(null),
    [given, give] = useState(null);
  const toast = useToast();
  async function renew() {
    try {
      give(await send("POST", `${ROOT}/group/participants/${encodeURIComponent(asked.id)}/token`, {}));
    } catch (error) {
      toast(error);
    }
    ask(null);
  }
  if (!participants.length) return null;
  return html`<details>
    <summary class="small">${t.group.people(participants.length)}</summary>
    <ul class="plainlist small">
      ${participants.map((one) => html`<li key=${one.id} class="row"><span>${one.name}</span><button type="button" class="plain" onClick=${() => ask(one)}>${t.rejoin.renew}<span class="hidden">${` ${one.name}`}</span></button></li>`)}
    </ul>
    ${
      asked &&
      html`<${Dialog} title=${t.rejoin.renewFor(asked.name)} onClose=${() => ask(null)}
        ><p>${t.rejoin.renewLead}</p>
        <div class="row">
          <button type="button" class="primary" onClick=${renew}>${t.rejoin.renew}</button><button type="button" onClick=${() => ask(null)}>${t.cancel}</button>
        </div><//
      >`
    }
    ${given && html`<${Dialog} title=${t.rejoin.renewFor(given.name)} onClose=${() => give(null)}><${PersonalLink} token=${given.token} isOthers /><//>`}
  </details>`;
}

function Progress({ sessions, participants, onRelease }) {
  const toRelease = [...new Set(sessions.filter((one) => one.status === "answered").map((one) => one.exercise))];
  return html`<section class="card stack tight">
    <header>
      <h2>${t.group.participants}</h2>
      <div class="row">
        ${toRelease.length > 1 && toRelease.map((exercise) => html`<button type="button" onClick=${() => onRelease({ exercise })}>${t.group.releaseOne} ${exercise}</button>`)}<button
          type="button"
          class="primary"
          disabled=${!toRelease.length}
          onClick=${() => onRelease({})}
        >
          ${t.group.release}
        </button>
      </div>
    </header>
    <${People} participants=${participants} />
    ${
      sessions.length
        ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t.group.participants}>
            <table class="table hover">
              <thead>
                <tr>
                  <th>${t.group.name}</th>
                  <th>${t.group.exercise}</th>
                  <th>${t.group.status}</th>
                  <th>${t.group.clock}</th>
                  <th class="right">${t.group.hints}</th>
                  <th class="right">${t.group.actions}</th>
                  <th class="right">${t.group.score}</th>
                </tr>
              </thead>
              <tbody>
                ${sessions.map(
                  (one) =>
                    html`<tr key=${one.id || one.name + one.exercise}>
                      <th>${one.name}</th>
                      <td>${one.title || one.exercise}${one.is_blind && html` <small>${t.session.blind}</small>`}</td>
                      <td><${Badge} kind=${KINDS[one.status]}>${t.statuses[one.status] || one.status}<//></td>
                      <td class="number">${endClock(one.now_s)} <small>${t.clock.of(endClock(one.end_s))}</small></td>
                      <td class="right">${one.hints}</td>
                      <td class="right">${one.actions}</td>
                      <td class="right">${one.score === null || one.score === undefined ? "–" : Math.round(one.score)}</td>
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>`
        : html`<p class="empty">${participants.length ? t.group.noSessions : t.group.none}</p>`
    }
  </section>`;
}

function Scoreboard({ rows }) {
  return html`<section class="card stack tight">
    <div>
      <h2>${t.group.scoreboard}</h2>
      <p class="small quiet">${t.group.scoreboardLead}</p>
    </div>
    ${!rows.length && html`<p class="empty">${t.group.noAnswers}</p>`}
    <div class="scroll" tabindex="0" role="region" aria-label=${t.group.scoreboard} hidden=${!rows.length}>
      <table class="table">
        <thead>
          <tr>
            <th>${t.group.who}</th>
            <th class="right">${t.group.answered}</th>
            <th class="right">${t.group.right}</th>
            <th class="right">${t.group.mean}</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (one) =>
              html`<tr>
                <th>${one.name}${one.is_engine && html` <small>${t.group.engines}</small>`}</th>
                <td class="right">${one.answered}</td>
                <td class="right">${one.right}</td>
                <td class="right">
                  ${one.mean === null ? "–" : html`<b>${digits(one.mean)}</b> <small>${t.group.counted(one.counted)}</small>`}
                </td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

const SIZE = 240,
  EDGE = 36,
  MARGIN = 24;

/** Confidence against the share that was right; the diagonal is well calibrated. */
/** What stands for someone in the drawing: A, B, …, Z, A1, B1, … */
const letter = (index) => String.fromCharCode(65 + (index % 26)) + (index >= 26 ? Math.floor(index / 26) : "");

function Calibration({ people }) {
  const at = (share) => EDGE + share * (SIZE - EDGE - MARGIN),
    y = (share) => SIZE - EDGE - share * (SIZE - EDGE - MARGIN);
  const points = people.flatMap((person, index) => (person.bins || []).filter((bin) => bin.count).map((bin) => ({ ...bin, name: person.name, index })));
  return html`<section class="card stack tight">
    <h2>${t.group.calibration}</h2>
    <p class="small quiet">${t.group.calibrationLead}</p>
    <svg
      class="drawing calibration"
      viewBox=${`0 0 ${SIZE} ${SIZE}`}
      role="img"
      aria-label=${points.map((one) => `${one.name}: ${digits(100 * one.confidence)} %, ${digits(100 * one.right)} %`).join("; ") || t.group.calibration}
    >
      <line class="grid" x1=${at(0)} y1=${y(0)} x2=${at(1)} y2=${y(1)} />
      <line x1=${at(0)} y1=${y(0)} x2=${at(1)} y2=${y(0)} />
      <line x1=${at(0)} y1=${y(0)} x2=${at(0)} y2=${y(1)} />
      ${[0, 0.5, 1].map((share) => html`<text class="tick" x=${at(share)} y=${SIZE - EDGE + 14} text-anchor="middle">${100 * share}%</text><text class="tick" x=${EDGE - 4} y=${y(share) + 4} text-anchor="end">${100 * share}%</text>`)}
      <text class="tick" x=${at(0.5)} y=${SIZE - 4} text-anchor="middle">${t.group.confidence}</text>
      <text class="tick" x=${EDGE} y="12" text-anchor="middle">${t.group.rightShare}</text>
      ${points.map((one) => html`<circle class="point" cx=${at(one.confidence)} cy=${y(one.right)} r=${3 + 2 * Math.sqrt(one.count)}><title>${`${one.name}: ${one.count}`}</title></circle><text class="tick" x=${at(one.confidence) + 8} y=${y(one.right) - 6 + 9 * (one.index % 3)}>${letter(one.index)}</text>`)}
    </svg>
    <ul class="small">
      ${people.map((one, index) => html`<li><b>${letter(index)}</b> ${t.group.calibrated(one.name, digits(one.brier), one.count, one.is_enough)}</li>`)}
    </ul>
  </section>`;
}

export function Group({ me }) {
  const group = usePolled(`${ROOT}/group`, 2000);
  const [asking, ask] = useState(null);
  const toast = useToast();
  async function release(what) {
    ask(null);
    try {
      await send("POST", `${ROOT}/group/release`, what);
      toast(t.group.released);
    } catch (error) {
      toast(error);
    }
    group.refresh();
  }
  const { data } = group;
  return html`<header class="banner">
      <div class="sheet row apart">
        <a href="#/group" class="brand">${t.product}</a
        ><span class="row small quiet"><a href="#/exercises">${t.list.title}</a>${me.name}</span>
      </div>
    </header>
    <${Lost} is=${group.lost} />
    <main class="sheet stack" tabindex="-1" id="content">
      <div class="row apart">
        <h1>${t.group.title}</h1>
        <div class="row">
          ${t.group.export}: <a class="button" href=${`${ROOT}/group/export?format=csv`} download>${t.group.csv}</a
          ><a class="button" href=${`${ROOT}/group/export?format=json`} download>${t.group.json}</a>
        </div>
      </div>
      <${Problem} problem=${group.problem} />
      ${
        data &&
        html`<${Progress} sessions=${data.sessions} participants=${data.participants} onRelease=${ask} />
          <div class="beside-list">
            <${Scoreboard} rows=${data.scoreboard} />${data.calibration && html`<${Calibration} people=${data.calibration} />`}
          </div>`
      }
      ${
        asking &&
        html`<${Dialog} title=${t.group.releaseTitle} onClose=${() => ask(null)}
          ><p>${t.group.confirm}</p>
          <div class="row">
            <button type="button" class="primary" onClick=${() => release(asking)}>${t.group.release}</button
            ><button type="button" onClick=${() => ask(null)}>${t.cancel}</button>
          </div><//
        >`
      }
    </main>`;
}
