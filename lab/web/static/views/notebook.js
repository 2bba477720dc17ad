// Beside every view: the brief, hints, hypotheses with their evidence, quick notes.
import { clock, endClock } from "../format.js";
import { classes, html, useEffect, useRef, useState } from "../lib.js";
import { pinAddress, useBoard } from "../pins.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";

/** One press takes one hint: while it is asked for, by the second click of a double click, or by a key held, none is taken. */
export function Hints() {
  const { session, act, isOpen } = useSession();
  const { taken, left, next_cost } = session.hints,
    next = taken.length + 1;
  const [asked, ask] = useState(0),
    newest = useRef();
  async function take(event) {
    if (event.detail > 1 || asked === next) return;
    ask(next);
    if (!(await act("POST", "/hints", { number: next }))) ask(0);
  }
  useEffect(() => {
    if (asked && asked === taken.length) newest.current.focus();
  }, [taken.length]);
  return html`<section class="stack tight">
    <div class="row apart">
      <h2>${t.hints.title}</h2>
      <span class="small quiet">${left ? t.hints.left(left) : ""}</span>
    </div>
    ${
      taken.length > 0 &&
      html`<ol class="hints">
        ${taken.map((one, i) => html`<li tabindex="-1" ref=${i + 1 === taken.length ? newest : undefined}>${one.text} <small>${t.hints.at(clock(one.at_s), one.cost)}</small></li>`)}
      </ol>`
    }
    ${
      left > 0 && isOpen
        ? html`<button type="button" disabled=${asked === next} onClick=${take}>${t.hints.take(next_cost)}</button>`
        : html`<p class="small quiet">
            ${taken.length || left ? (isOpen ? t.hints.none : "") : isOpen ? t.hints.noneAtAll : t.hints.over}
          </p>`
    }
  </section>`;
}

/** One line to write, and what is sent of it; the line is emptied once it is kept. */
function NewLine({ name, label, placeholder, most, path, body }) {
  const { act } = useSession();
  const [text, set] = useState("");
  async function add(event) {
    event.preventDefault();
    if (text.trim() && (await act("POST", path, body(text.trim())))) set("");
  }
  return html`<form class="row tight" onSubmit=${add}>
    <input
      class="grow"
      name=${name}
      aria-label=${label}
      placeholder=${placeholder}
      value=${text}
      maxlength=${most}
      onInput=${(event) => set(event.target.value)}
    /><button disabled=${!text.trim()} aria-label=${`${t.board.add}: ${label}`}>${t.board.add}</button>
  </form>`;
}

export const NewHypothesis = () =>
  html`<${NewLine} name="new-hypothesis" label=${t.board.newHypothesis} placeholder=${t.board.placeholder} most="300" path="/board/hypotheses" body=${(text) => ({ text })} />`;

export function NewNote() {
  const { session } = useSession();
  return html`<${NewLine} name="new-note" label=${t.board.note} placeholder=${t.board.note} most="1000" path="/board/notes" body=${(text) => ({ text, at_s: session.clock.as_of_s })} />`;
}

/** What is known when one is called. */
export function Brief({ children }) {
  const { session, isOpen } = useSession();
  return html`<section>
    <div class="row apart">
      <h2>${t.session.brief}</h2>
      ${children}
    </div>
    <p class="pre">${session.exercise?.brief}</p>
    <p class="small quiet">
      ${t.session.called(endClock(session.clock.start_s))}${" "}
      ${session.clock.is_paused && isOpen && session.clock.now_s <= session.clock.start_s ? t.session.briefStart : ""}
    </p>
  </section>`;
}

/** `onFold` folds it away, where it stands beside the view; where it stands below, the brief is above the view. */
export function Notebook({ onFold }) {
  const { id } = useSession();
  const { hypotheses, pins, notes } = useBoard();
  return html`<aside class="notebook card stack" aria-label=${t.session.notebook}>
    ${
      onFold &&
      html`<${Brief}
        ><button type="button" class="plain" aria-expanded="true" aria-label=${`${t.close}: ${t.session.notebook}`} onClick=${onFold}>›</button><//
      >`
    }
    <${Hints} />
    <section class="stack tight">
      <div class="row apart">
        <h2>${t.board.title}</h2>
        <a class="small" href=${`#/session/${encodeURIComponent(id)}/board`}>${t.session.tabs.board} ›</a>
      </div>
      <ul class="thoughts">
        ${hypotheses.map((one) => {
          const own = pins.filter((pin) => pin.hypothesis === one.id),
            speaking = (stance) => own.filter((pin) => pin.stance === stance).length;
          return html`<li key=${one.id} class=${classes("thought", one.state)}>
            <b>${one.text}</b
            ><small>${t.board.states[one.state] || one.state} · ${t.board.count(speaking("for"), speaking("against"))}</small>
          </li>`;
        })}
      </ul>
      <${NewHypothesis} /> ${
        pins.length > 0 &&
        html`<details>
          <summary class="small">${t.board.evidence} (${pins.length})</summary>
          <ul class="plainlist small">
            ${pins.map((pin) => html`<li key=${pin.id}><a href=${pinAddress(id, pin)}>${pin.text || t.pin.kinds[pin.kind]}</a></li>`)}
          </ul>
        </details>`
      }
    </section>
    <section class="stack tight">
      <h2>${t.board.notes}</h2>
      ${
        notes.length > 0 &&
        html`<ul class="plainlist small">
          ${notes.map((one) => html`<li key=${one.id}><span class="number quiet">${clock(one.at_s)}</span> ${one.text}</li>`)}
        </ul>`
      }<${NewNote} />
    </section>
  </aside>`;
}
