// The list of exercises: courses in their order, filters, progress, and one drawn blind.
import { ROOT, send } from "../api.js";
import { setQuery, useLive, useMedia, useRoute } from "../hooks.js";
import { duration } from "../format.js";
import { classes, html, useState } from "../lib.js";
import { Answer, Badge, Choice, Field, useToast } from "../parts.js";
import { t } from "../texts.js";
import { PastSessions } from "./past.js";

const isDone = (one) => ["answered", "released"].includes(one.status);

function useStart() {
  const toast = useToast();
  return async (wish) => {
    try {
      const { id } = await send("POST", `${ROOT}/sessions`, wish);
      location.hash = `#/session/${encodeURIComponent(id)}`;
    } catch (error) {
      toast(error);
    }
  };
}

function Exercise({ one, isNext, start }) {
  const open = one.session
    ? html`<a
        class=${classes("button", isNext && "primary")}
        href=${`#/session/${encodeURIComponent(one.session)}${one.status === "released" ? "/debrief" : ""}`}
        >${one.status === "released" ? t.list.look : one.status === "answered" ? t.list.waiting : t.list.goOn}<span class="hidden"
          >${` ${one.title}`}</span
        ></a
      >`
    : html`<button type="button" class=${isNext ? "primary" : ""} onClick=${() => start({ exercise: one.id })}>
        ${t.list.start}<span class="hidden">${` ${one.title}`}</span>
      </button>`;
  return html`<li class=${classes("exercise", isDone(one) && "done", isNext && "next")} data-exercise=${one.id}>
    <span class="mark" aria-hidden="true">${isDone(one) ? "✓" : one.number}</span>
    <div class="grow">
      <h3>${one.title}</h3>
      <p class="quiet small">${one.brief}</p>
      <p class="row small quiet">
        <${Badge} kind=${`level-${one.level}`}>${t.levels[one.level] || one.level}<//>
        <span>${one.system}</span>${one.topics?.length > 0 && html`<span>${one.topics.join(" · ")}</span>`}
        ${one.duration_s ? html`<span>${t.list.length(duration(one.duration_s))}</span>` : null}
        ${one.score !== null && one.score !== undefined && html`<b class="number">${t.list.score(Math.round(one.score))}</b>`}
      </p>
    </div>
    <div class="starts">
      ${open}${one.session && html`<button type="button" class="plain" onClick=${() => start({ exercise: one.id })}>${t.list.again}<span class="hidden">${` ${one.title}`}</span></button>`}
    </div>
  </li>`;
}

function Filters({ all, query }) {
  const values = (of) => [...new Set(all.flatMap(of))].filter(Boolean).sort();
  const choose = (name) => (value) => setQuery({ [name]: value });
  const levels = Object.keys(t.levels).filter((level) => all.some((one) => one.level === level));
  return html`<form class="row end filters" onSubmit=${(event) => event.preventDefault()}>
    <${Choice}
      label=${t.list.level}
      empty=${t.list.any}
      value=${query.get("level")}
      options=${levels.map((level) => [level, t.levels[level]])}
      onChange=${choose("level")}
    />
    <${Choice}
      label=${t.list.system}
      empty=${t.list.any}
      value=${query.get("system")}
      options=${values((one) => one.system)}
      onChange=${choose("system")}
    />
    <${Choice}
      label=${t.list.topic}
      empty=${t.list.any}
      value=${query.get("topic")}
      options=${values((one) => one.topics)}
      onChange=${choose("topic")}
    />
  </form>`;
}

function HowItWorks() {
  return html`<ol class="steps">
    ${t.list.steps.map(([name, text]) => html`<li><b>${name}.</b> ${text}</li>`)}
  </ol>`;
}

function Blind({ start }) {
  const [seed, setSeed] = useState(() => String(1 + Math.floor(Math.random() * 998))),
    [isRefused, refuse] = useState(false);
  const isNumber = /^\d{1,6}$/.test(seed);
  return html`<form
    class="card stack tight"
    novalidate
    onSubmit=${(event) => {
      event.preventDefault();
      refuse(!isNumber);
      if (isNumber) start({ blind: Number(seed) });
    }}
  >
    <h2>${t.list.blind}</h2>
    <p class="quiet small">${t.list.blindLead}</p>
    <div class="row end">
      <${Field} label=${t.list.seed}
        ><input
          type="number"
          name="seed"
          min="0"
          max="999999"
          step="1"
          required
          aria-invalid=${isRefused && !isNumber}
          aria-describedby=${isRefused && !isNumber ? "no-seed" : undefined}
          value=${seed}
          onInput=${(event) => setSeed(event.target.value)}
      /><//>
      <button>${t.list.draw}</button>
    </div>
    ${isRefused && !isNumber && html`<p class="small wrong" role="alert" id="no-seed">${t.list.noSeed}</p>`}
  </form>`;
}

function Course({ course, exercises, start }) {
  const done = exercises.filter(isDone).length;
  const next = exercises.find((one) => !isDone(one));
  return html`<section class="stack tight">
    <div class="row apart">
      <h2>${course.title}</h2>
      <span class="row small quiet"
        ><progress class="short" max=${exercises.length} value=${done} aria-label=${t.list.progress(done, exercises.length)}></progress
        >${t.list.progress(done, exercises.length)}</span
      >
    </div>
    <ol class="exercises">
      ${exercises.map((one) => html`<${Exercise} key=${one.id} one=${one} isNext=${one === next} start=${start} />`)}
    </ol>
  </section>`;
}

export function ExerciseList({ me }) {
  const start = useStart(),
    isBeside = useMedia("(min-width: 62rem)"); // as in the style sheet
  const { query } = useRoute();
  const listed = useLive(`${ROOT}/exercises`);
  return html`<header class="banner">
      <div class="sheet row apart">
        <a href="#/" class="brand">${t.product}</a>
        <span class="row small quiet">${me.role === "instructor" && html`<a href="#/group">${t.group.toGroup}</a>`}${me.name}</span>
      </div>
    </header>
    <main class="sheet stack" tabindex="-1" id="content">
      <div>
        <h1>${t.list.title}</h1>
        <p class="quiet">${t.list.lead}</p>
      </div>
      ${
        !isBeside &&
        html`<details class="card">
          <summary>${t.list.how}</summary>
          <${HowItWorks} />
        </details>`
      }
      <${Answer} of=${listed}
        >${({ courses, exercises, past }) => {
          const shown = exercises.filter(
            (one) =>
              ["level", "system"].every((name) => !query.get(name) || one[name] === query.get(name)) &&
              (!query.get("topic") || one.topics.includes(query.get("topic"))),
          );
          const own = exercises.filter((one) => !courses.some((course) => course.exercises.includes(one.id)));
          const all = own.length ? [...courses, { name: "", title: t.list.own, exercises: own.map((one) => one.id) }] : courses;
          return html`<div class="beside-list">
            <div class="stack">
              <${Filters} all=${exercises} query=${query} /> ${all.map((course) => {
                const listed = course.exercises.map((id) => shown.find((one) => one.id === id)).filter(Boolean);
                return listed.length > 0 && html`<${Course} key=${course.name} course=${course} exercises=${listed} start=${start} />`;
              })}
              ${!shown.length && html`<p class="empty">${t.list.none}</p>`}
              <${PastSessions} rows=${past} />
            </div>
            <aside class="stack" aria-label=${t.list.beside}>
              ${
                isBeside &&
                html`<section class="card">
                  <h2>${t.list.how}</h2>
                  <${HowItWorks} />
                </section>`
              }
              <${Blind} start=${start} />
            </aside>
          </div>`;
        }}<//
      >
    </main>`;
}
