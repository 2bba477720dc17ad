// The bar at the top: what it is, the clock and what moves it.
import { calendarTime, clock, duration, endClock } from "../format.js";
import { Icon } from "../icons.js";
import { classes, html, useLayoutEffect, useState } from "../lib.js";
import { Dialog, Toggle } from "../parts.js";
import { useNow, useSession } from "../session.js";
import { t } from "../texts.js";

const jump = (context, to) => context.act("POST", "/clock", { jump: to });
const pause = (context, is_paused) => context.act("POST", "/clock", { pause: is_paused });

/** Keys that move the clock and change the view, unless something is being written. */
export function useClockKeys(context) {
  // With what is shown, not a moment later: a key pressed in between would be missed, or mean what was shown before.
  useLayoutEffect(() => {
    const pressed = (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest?.("input, select, textarea, dialog, [contenteditable]"))
        return;
      const { session } = context;
      if (event.key === "k") pause(context, !session.clock.is_paused);
      else if (event.key === ".") jump(context, "tick");
      else if (event.key === "n") jump(context, "next-alert");
      else if (event.key === "?") document.getElementById("keys-button")?.click();
      else if (/^[1-9]$/.test(event.key)) {
        const tab = document.querySelectorAll(".tabs a")[event.key - 1];
        tab?.click();
        if (tab) document.querySelector("main").focus({ preventScroll: true });
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [context]);
}

/** Which period it is, or after which one. */
function periodText(now, { period }) {
  const { number, isBegin } = calendarTime(now);
  return isBegin ? (number > 1 ? t.clock.after(period, number - 1) : t.clock.before(period)) : `${period} ${number}`;
}

function Keys() {
  const [open, set] = useState(false);
  return html`<button
      type="button"
      class="plain keys"
      id="keys-button"
      onClick=${() => set(true)}
      aria-label=${t.keys.title}
      title=${t.keys.title}
    >
      ?
    </button>
    ${
      open &&
      html`<${Dialog} title=${t.keys.title} onClose=${() => set(false)}
        ><ol class="steps">
          ${t.list.steps.map(([name, text]) => html`<li><b>${name}.</b> ${text}</li>`)}
        </ol>
        <h3>${t.keys.keys}</h3>
        <dl class="facts">
          ${t.keys.list.map(
            ([key, what]) =>
              html`<dt><kbd>${key}</kbd></dt>
                <dd>${what}</dd>`,
          )}
        </dl>
        <p class="small quiet">${t.keys.fields}</p><//
      >`
    }`;
}

/** `isAfter`: the view is of what came after the answer. After it no time passes, and nothing moves the clock. */
export function ClockBar({ me, isAfter }) {
  const context = useSession();
  const { session } = context;
  const { end_s, speed, speeds, is_paused, tick_s } = session.clock,
    { calendar } = session;
  const inPeriods = calendar && tick_s >= calendar.period_s && calendar;
  const now = useNow(context);
  const { isDone } = context;
  const over = now >= end_s,
    still = over || session.status === "acting";
  return html`<div class="bar">
    <div class="what">
      <a href=${me.role === "instructor" ? "#/group" : "#/"} class="brand" title=${t.back}>‹<span class="hidden"> ${t.back}</span></a>
      <div class="grow">
        <b class="title">${session.exercise?.title || t.session.blind}</b
        ><span class="small quiet">${[session.exercise?.system, t.levels[session.exercise?.level]].filter(Boolean).join(" · ")}</span>
      </div>
    </div>
    <div class=${classes("clock", inPeriods && "dated")} role="group" aria-label=${t.clock.label}>
      <span class="time" title=${t.clock.seen(endClock(session.clock.as_of_s))}
        ><b class="number">${inPeriods ? periodText(now, calendar) : clock(now)}</b> <span class="small quiet">${inPeriods ? `${t.clock.of(Math.round(end_s / calendar.period_s))} · ${calendarTime(now).date}` : t.clock.of(clock(end_s))}</span></span
      >
      <progress max=${end_s} value=${now} aria-label=${`${endClock(now)} ${t.clock.of(endClock(end_s))}`}></progress>
      ${inPeriods && session.clock.as_of_s < session.clock.now_s && html`<span class="small quiet">${t.clock.knownUpTo(clock(session.clock.as_of_s).split(", ").slice(1).join(", "))}</span>`}
    </div>
    <div class="row controls" hidden=${isAfter || isDone}>
      <button
        type="button"
        class=${is_paused && !over ? "primary run" : "run"}
        disabled=${still}
        onClick=${() => pause(context, !is_paused)}
        title=${t.clock.runHint}
      >
        <${Icon} name=${is_paused || over ? "run" : "pause"} /> <span class="word">${is_paused || over ? t.clock.run : t.clock.pause}</span>
      </button>
      <${Toggle}
        label=${t.clock.speed}
        value=${speed}
        options=${speeds.map((one) => [one, inPeriods && one >= calendar.period_s ? t.clock.perSecond(one / calendar.period_s, calendar.period) : `×${one}`])}
        onChange=${(one) => context.act("POST", "/clock", { speed: one })}
      />
      <button
        type="button"
        disabled=${still}
        onClick=${() => jump(context, "tick")}
        title=${t.clock.tickHint(duration(tick_s))}
        aria-label=${inPeriods ? t.clock.next(calendar.period) : t.clock.tick}
      >
        ${inPeriods ? t.clock.next(calendar.period) : `+${duration(tick_s)}`}
      </button>
      <button type="button" disabled=${still} onClick=${() => jump(context, "next-alert")} title=${t.clock.nextHint}>
        <${Icon} name="next" /> ${t.clock.nextAlert}
      </button>
      <button type="button" disabled=${still} onClick=${() => jump(context, "end")} title=${t.clock.endHint}>${t.clock.end}</button>
      <${Keys} />
    </div>
  </div>`;
}
