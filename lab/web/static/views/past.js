// A session whose exercise is not offered any more: its debrief and its post-mortem are still there.
import { ROOT } from "../api.js";
import { html, useMemo } from "../lib.js";
import { SessionContext } from "../session.js";
import { t } from "../texts.js";
import { Debrief } from "./debrief.js";
import { Postmortem } from "./postmortem.js";

const VIEWS = { debrief: Debrief, postmortem: Postmortem };

export function Past({ id, tab }) {
  const View = VIEWS[tab] || Debrief;
  const context = useMemo(() => ({ id, base: `${ROOT}/sessions/${encodeURIComponent(id)}`, session: { status: "released" }, isPast: true }), [id]);
  return html`<header class="banner top">
      <div class="sheet row apart"><a href="#/" class="brand">‹ ${t.back}</a><span class="small quiet">${t.past.one}</span></div>
      <nav class="tabs" aria-label=${t.session.views}>
        ${Object.keys(VIEWS).map((name) => html`<a key=${name} href=${`#/past/${encodeURIComponent(id)}/${name}`} aria-current=${VIEWS[name] === View ? "page" : undefined}>${t.session.tabs[name]}</a>`)}
      </nav>
    </header>
    <main class="sheet wide stack" tabindex="-1" id="content">
      <${SessionContext.Provider} value=${context}><${View} /><//>
    </main>`;
}

/** Sessions that are over, or cannot go on, because what they were on is not offered now. */
export function PastSessions({ rows }) {
  if (!rows?.length) return null;
  return html`<section class="stack tight past">
    <div>
      <h2>${t.past.title}</h2>
      <p class="small quiet">${t.past.lead}</p>
    </div>
    <ul class="exercises">
      ${rows.map(
        (one) =>
          html`<li class="exercise" key=${one.session} data-session=${one.session}>
            <div class="grow">
              <h3>${one.title || t.session.blind}</h3>
              <p class="row small quiet">
                <span>${one.exercise}</span>
                ${one.began_at && html`<span>${t.past.began(new Date(one.began_at * 1000).toLocaleDateString("en-GB", { dateStyle: "medium" }))}</span>`}
                ${one.score !== null && one.score !== undefined && html`<b class="number">${t.list.score(Math.round(one.score))}</b>`}
              </p>
              ${one.why && html`<p class="small quiet why">${one.why}</p>`}
            </div>
            ${
              one.status === "released"
                ? html`<div class="row">
                    <a class="button" href=${`#/past/${encodeURIComponent(one.session)}/debrief`}>${t.list.look}<span class="hidden">${` ${one.title || one.exercise}`}</span></a
                    ><a class="button" href=${`#/past/${encodeURIComponent(one.session)}/postmortem`}>${t.debrief.toPostmortem}<span class="hidden">${` ${one.title || one.exercise}`}</span></a>
                  </div>`
                : html`<span class="small quiet">${t.past.states[one.status] || one.status}</span>`
            }
          </li>`,
      )}
    </ul>
  </section>`;
}
