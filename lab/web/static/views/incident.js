// One session: bar with clock, views, and the notebook beside them.
import { clock, duration, endClock, tellBy } from "../format.js";
import { useKept, useMedia, useRoute } from "../hooks.js";
import { classes, html, useEffect, useRef, useState } from "../lib.js";
import { Lost, Problem } from "../parts.js";
import { PinArea } from "../pins.js";
import { SessionContext, usePolledSession, useSession } from "../session.js";
import { t } from "../texts.js";
import { Act, Acted } from "./act.js";
import { AnswerForm } from "./answer.js";
import { Board } from "./board.js";
import { CalendarView } from "./calendar.js";
import { ClockBar, useClockKeys } from "./clockbar.js";
import { Data } from "./data.js";
import { Debrief } from "./debrief.js";
import { Jobs } from "./jobs.js";
import { Logs } from "./logs.js";
import { Brief, Notebook } from "./notebook.js";
import { Overview, alertText } from "./overview.js";
import { Postmortem } from "./postmortem.js";
import { Signals } from "./signals.js";
import { Traces } from "./traces.js";

const VIEWS = {
  calendar: CalendarView,
  overview: Overview,
  signals: Signals,
  traces: Traces,
  logs: Logs,
  data: Data,
  jobs: Jobs,
  board: Board,
  act: Act,
  answer: AnswerForm,
  debrief: Debrief,
  postmortem: Postmortem,
};
const AFTER = ["debrief", "postmortem"];
/** Views that begin with a heading of their own; the others have one for who hears the page. */
const HEADED = ["board", "act", "answer", ...AFTER];

/** The view that a session begins with. */
const firstView = (session) => (session.calendar ? "calendar" : "overview");

/** What was chosen in each view, kept over reloads: a link back to a view leads to it as it was left. */
function useViews(id, tab) {
  const { query } = useRoute();
  const [kept, keep] = useKept(`views/${id}`, {});
  const text = query.toString();
  useEffect(() => {
    if ((kept[tab] || "") !== text) keep((old) => ({ ...old, [tab]: text }));
  }, [tab, text]);
  return kept;
}

function Tabs({ id, tab, session }) {
  const kept = useViews(id, tab);
  const released = session.status === "released",
    bar = useRef();
  useEffect(() => {
    bar.current.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [tab, released]);
  const shown = Object.keys(VIEWS).filter((name) => (released || !AFTER.includes(name)) && (name !== "calendar" || session.calendar));
  return html`<nav class="tabs" ref=${bar} aria-label=${t.session.views}>
    ${shown.map((name) => html`<a key=${name} href=${`#/session/${encodeURIComponent(id)}/${name}${kept[name] ? `?${kept[name]}` : ""}`} aria-current=${name === tab ? "page" : undefined} class=${classes(AFTER.includes(name) && "after")}>${t.session.tabs[name]}${name === firstView(session) && session.alerts?.count > 0 && html` <span class=${classes("bubble", session.alerts.last?.state !== "firing" && "over")} aria-hidden="true">${session.alerts.count}</span><span class="hidden">${t.alerts.count(session.alerts.count, t.alerts.states[session.alerts.last?.state])}</span>`}</a>`)}
  </nav>`;
}

function Preparing() {
  const { session, act } = useSession();
  const share = session.progress?.share;
  return html`<main class="sheet narrow" tabindex="-1" id="content">
    <section class="card stack tight">
      <h1>${session.status === "failed" ? t.session.failed : t.session.preparing}</h1>
      ${
        session.status === "failed"
          ? html`<${Problem} problem=${typeof session.problem === "string" ? { what: session.problem } : session.problem} />
              <p><button type="button" class="primary" onClick=${() => act("POST", "/retry")}>${t.session.retry}</button></p>`
          : html`<p class="quiet">${t.session.preparingLead}</p>
              <progress max="1" value=${share ?? undefined} aria-label=${session.progress?.what || t.session.preparing}></progress>
              <p class="small quiet" role="status">${session.progress?.what || ""}</p>`
      }
      <p><a href="#/">${t.back}</a></p>
    </section>
  </main>`;
}

/** Tells an alert that arrives, whatever view is open; where the clock stopped at it, that tells it already. */
function Arriving({ session: { alerts, stopped } }) {
  const count = alerts?.count ?? 0,
    known = useRef(count);
  const [told, tell] = useState("");
  useEffect(() => {
    const fresh = count - known.current;
    known.current = count;
    if (fresh > 0 && stopped?.why !== "alert") tell(t.alerts.arrived(clock(alerts.last.time_s), alertText(alerts.last), fresh));
  }, [count]);
  return html`<p class="hidden" role="status">${told}</p>`;
}

/** Where the jump to the next alert stopped, and why there; until the clock moves on. */
function Stopped({ stopped }) {
  if (!stopped) return null;
  const { alert, why } = stopped;
  const text = {
    alert: () => t.clock.stopped.alert(clock(stopped.at_s), alert ? alertText(alert) : ""),
    nothing: () => t.clock.stopped.nothing(endClock(stopped.at_s), duration(stopped.looked_s)),
    end: () => t.clock.stopped.end(endClock(stopped.at_s)),
  }[why]?.();
  return text ? html`<p class=${classes("note", why === "alert" ? "alerting" : "calm")}>${text}</p>` : null;
}

/** What stands above the view when the session is in a state that explains why something cannot be done. */
function State({ session, tab }) {
  const { status, clock: time } = session;
  const text =
    status === "acting"
      ? t.session.acting
      : status === "answered"
        ? session.progress
          ? t.session.judging
          : t.session.waiting
        : status === "ready" && time.now_s >= time.end_s
          ? t.clock.ended
          : "";
  if (!text || (status === "released" && AFTER.includes(tab))) return null;
  return html`<div class="note row">
    <span>${text}</span
    >${session.progress && html`<progress class="short" max="1" value=${session.progress.share || undefined} aria-label=${text}></progress>`}
  </div>`;
}

function Watching({ context, tab, me }) {
  const { session } = context;
  const wide = useMedia("(min-width: 72rem)");
  const [folded, fold] = useState(false);
  useClockKeys(context);
  useEffect(() => {
    document.title = `${endClock(session.clock.as_of_s)} · ${t.session.tabs[tab] || t.session.tabs.overview} · ${session.exercise?.title || t.session.blind}`;
    return () => {
      document.title = t.product;
    };
  }, [session.clock.as_of_s, tab]);
  const View = VIEWS[tab] || Overview;
  const alone = AFTER.includes(tab) || tab === "board";
  const beside = wide && !alone && !folded;
  return html`<header class="banner top">
      <${ClockBar} me=${me} isAfter=${AFTER.includes(tab)} /><${Tabs} id=${context.id} tab=${tab} session=${session} />
    </header>
    <div class=${classes("sheet wide", beside && "with-notebook")}>
      <${Arriving} session=${session} /><${Acted} /><main tabindex="-1" id="content" class="stack" aria-label=${t.session.tabs[tab] || t.session.tabs.overview}>${!HEADED.includes(tab) && html`<h1 class="hidden">${t.session.tabs[tab] || t.session.tabs.overview}</h1>`}<div class="stack states" role="status">${context.isOpen && html`<${Stopped} stopped=${session.stopped} />`}<${State} session=${session} tab=${tab} /></div><${Problem} problem=${session.status !== "acting" && session.problem} />${!wide && tab === firstView(session) && html`<div class="card"><${Brief} /></div>`}<${View} key=${tab} me=${me} /></main>
      ${wide && !alone && (folded ? html`<button type="button" class="unfold" onClick=${() => fold(false)} aria-expanded="false">‹ ${t.session.notebook}</button>` : html`<${Notebook} onFold=${() => fold(true)} />`)}
      ${!wide && tab === firstView(session) && html`<${Notebook} />`}
    </div>`;
}

/** Goes to the view that a session begins with, in place of an address that names none. */
function First({ id, session }) {
  useEffect(() => {
    history.replaceState(null, "", `#/session/${encodeURIComponent(id)}/${firstView(session)}`);
    dispatchEvent(new HashChangeEvent("hashchange"));
  }, []);
  return null;
}

export function Incident({ id, tab, me }) {
  const context = usePolledSession(id);
  const { session, problem, lost } = context;
  tellBy(session?.calendar ?? null); // before anything below tells a time
  useEffect(() => () => tellBy(null), []);
  return html`<${SessionContext.Provider} value=${context}
    ><${PinArea}>
      <${Lost} is=${lost} />
      ${
        problem && !session
          ? html`<main class="sheet narrow">
              <${Problem} problem=${problem} />
              <p><a href="#/">${t.back}</a></p>
            </main>`
          : !session
            ? html`<p class="sheet empty" role="status">${t.loading}</p>`
            : ["preparing", "failed"].includes(session.status) || !session.clock
              ? html`<${Preparing} />`
              : tab
                ? html`<${Watching} context=${context} tab=${tab} me=${me} />`
                : html`<${First} id=${id} session=${session} />`
      }
    <//><//
  >`;
}
