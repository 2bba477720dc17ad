// Small parts that every view uses: problems, dialogs, messages, badges, switches.
import { useMedia } from "./hooks.js";
import { classes, createContext, html, useContext, useLayoutEffect, useRef, useState } from "./lib.js";
import { t } from "./texts.js";

/** What went wrong, as the server says it. */
export function Problem({ problem }) {
  if (!problem) return null;
  const facts = [
    problem.seen && t.problems.seen(problem.seen),
    problem.expected && t.problems.expected(problem.expected),
    problem.hint,
  ].filter(Boolean);
  return html`<div class="problem" role="alert">
    <p><b>${problem.what}</b></p>
    ${facts.map((line) => html`<p class="small">${line}</p>`)}
  </div>`;
}

/** That the server does not answer; the region is always there, so that screen readers notice when something comes. */
export function Lost({ is }) {
  return html`<div class="connection" role="status">${is && html`<p class="lost">${t.problems.lost}</p>`}</div>`;
}

/** What a request answered: its problem, that it is on its way, or what `children` makes of it. */
export function Answer({ of, children }) {
  if (of.problem && !of.data) return html`<${Problem} problem=${of.problem} />`;
  if (!of.data) return html`<p class="empty" role="status">${t.loading}</p>`;
  return children(of.data);
}

export function Badge({ kind = "", children }) {
  return html`<span class=${classes("badge", kind)}>${children}</span>`;
}

/** A sentence of the lab, whose `words` between backticks are names. */
export const named = (text) => (text || "").split("`").map((part, i) => (i % 2 ? html`<code>${part}</code>` : part));

const OUTCOMES = { pass: "✓", fail: "✗", inconclusive: "?" };
/** An outcome by sign, word and colour. */
export function Outcome({ of, text }) {
  return html`<${Badge} kind=${of}>${OUTCOMES[of] || "–"} ${text || t.outcomes[of] || of}<//>`;
}

/** One of several, as buttons that stay pressed. */
export function Toggle({ label, options, value, onChange }) {
  return html`<div class="toggle" role="group" aria-label=${label}>
    ${options.map(([key, text]) => html`<button type="button" key=${key} aria-pressed=${key === value} onClick=${() => onChange(key)}>${text}</button>`)}
  </div>`;
}

export function Field({ label, children }) {
  return html`<label class="field">${label}${children}</label>`;
}

export function Choice({ label, value, options, onChange, empty, required }) {
  return html`<${Field} label=${label}>
    <select value=${value ?? ""} required=${required} onChange=${(event) => onChange(event.target.value)}>
      ${empty !== undefined && html`<option value="">${empty}</option>`}
      ${options.map((one) => {
        const [key, text] = Array.isArray(one) ? one : [one, one];
        return html`<option key=${key} value=${key}>${text}</option>`;
      })}
    </select><//
  >`;
}

/** On a narrow screen `children` are behind one button that says `text`; elsewhere they stand by themselves. */
export function Fold({ text, children }) {
  const isNarrow = useMedia("(max-width: 40rem)");
  const [isOpen, set] = useState(false);
  // What is written in the children and not sent yet outlives a turn of the screen: they stay, and only the button comes and goes.
  return html`${isNarrow && html`<button type="button" class="fold" aria-expanded=${String(isOpen)} onClick=${() => set(!isOpen)}>${text}</button>`}
    <div key="folded" class="folded" hidden=${isNarrow && !isOpen}>${children}</div>`;
}

/**
 * A modal dialog; Escape and its close button call `onClose`. It begins on its first field, else on its heading: a second
 * Enter does nothing then. After it the focus is where it was before.
 */
export function Dialog({ title, onClose, children }) {
  const element = useRef();
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog.showModal();
    (dialog.querySelector("input, select, textarea") || dialog.querySelector("h2")).focus();
    // Who only takes it off the page leaves the focus nowhere: Tab would begin at the top again.
    return () => dialog.close();
  }, []);
  return html`<dialog ref=${element} aria-label=${title} onClose=${onClose}>
    <h2 tabindex="-1">${title}</h2>
    ${children}
    <button type="button" class="plain close" onClick=${onClose} aria-label=${t.close}>✕</button>
  </dialog>`;
}

const Toasts = createContext(() => {});
/** A function that shows a short message: text, or an error of the API. */
export const useToast = () => useContext(Toasts);

export function ToastArea({ children }) {
  const [toasts, set] = useState([]);
  const drop = (id) => set((old) => old.filter((one) => one.id !== id));
  const show = useRef((what) => {
    const id = Math.random();
    const problem = what instanceof Error ? what.problem || { what: what.message } : null;
    set((old) => [...old.slice(-3), { id, problem, text: problem ? problem.what : what }]);
    setTimeout(() => drop(id), problem ? 9000 : 4000);
  }).current;
  return html`<${Toasts.Provider} value=${show}
    >${children}
    <div class="toasts" role="status" aria-live="polite">
      ${toasts.map(
        (one) =>
          html`<div key=${one.id} class=${classes("toast", one.problem && "fail")}>
            <div>
              <p>${one.text}</p>
              ${one.problem?.hint && html`<p class="small">${one.problem.hint}</p>`}
            </div>
            <button type="button" onClick=${() => drop(one.id)} aria-label=${t.close}>✕</button>
          </div>`,
      )}
    </div><//
  >`;
}

/** Shows the newest `step` entries of a list, and more on demand. */
export function useMore(items, step = 30) {
  const [shown, set] = useState(step);
  const button =
    items.length > shown
      ? html`<button type="button" class="plain" onClick=${() => set(shown + 4 * step)}>${t.more(items.length - shown)}</button>`
      : null;
  return [items.slice(0, shown), button];
}

/** A name that may be broken where its words meet, and nowhere else. */
export const breakable = (name) => name.split(/(?<=[._])/).flatMap((part, i) => (i ? [html`<wbr />`, part] : [part]));
