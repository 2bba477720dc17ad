// Fields whose value counts when it is left or Enter is pressed, so that nothing typed is lost to what comes meanwhile.
import { clock, parsedTime } from "./format.js";
import { setQuery } from "./hooks.js";
import { html, useEffect, useId, useState } from "./lib.js";
import { Field, Fold } from "./parts.js";
import { useSession } from "./session.js";
import { t } from "./texts.js";

/**
 * Text in a form of its own. `read` gives `{ kept }`, or the `problem` with what was typed; `show` how what is kept is shown.
 * What is refused stays in the field with its problem below. A form around it that must know keeps it: `refused`, `onRefuse`.
 */
function Committed({ label, name, value, className, read, show, onCommit, hint, refused: given, onRefuse }) {
  const [own, setOwn] = useState("");
  const refused = onRefuse ? given : own,
    refuse = onRefuse || setOwn;
  const [text, setText] = useState(refused || show(value));
  const problem = refused && (read(refused).problem || "");
  const problemId = `problem-${useId()}`;
  useEffect(() => {
    setOwn("");
    setText((onRefuse && given) || show(value));
  }, [value]);
  function commit(event) {
    const typed = event.target.value.trim(),
      found = read(typed);
    refuse(found.problem ? typed : "");
    if (found.problem) return;
    setText(show(found.kept));
    onCommit(found.kept);
  }
  function change(event) {
    setText(event.target.value);
    // Who mends it is told at once that it is right; it counts when the field is left.
    if (refused && !read(event.target.value.trim()).problem) refuse("");
  }
  return html`<div class="committed">
    <${Field} label=${label}
      ><input
        name=${`field-${name}`}
        class=${className}
        value=${text}
        placeholder=${hint}
        aria-invalid=${Boolean(problem)}
        aria-describedby=${problem ? problemId : undefined}
        onInput=${change}
        onChange=${commit}
        onKeyDown=${(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault(); // the form around it is not sent by it
          commit(event);
        }}
    /><//>
    ${problem && html`<p class="small wrong" role="alert" id=${problemId}>${problem} ${!onRefuse && value !== "" ? t.fields.still(show(value)) : ""}</p>`}
  </div>`;
}

const asQuery = (name) => (value) => setQuery({ [name]: value });

/** A time of the incident as somebody typed it: `{ kept }`, seconds as text, or its `problem`. No time is none. */
function readTime(typed, end_s) {
  const time = typed === "" ? "" : parsedTime(typed);
  if (time === undefined) return { problem: /^\d+[.,]\d+$/.test(typed) ? t.fields.noUnit(typed) : t.fields.noTime(typed) };
  return Number(time) > end_s ? { problem: t.fields.tooLate(typed, clock(end_s)) } : { kept: time };
}

/** A time of the incident, such as 05:12, 312 or 312s; in the address it is in seconds. */
export function TimeField({ label, name, value, onCommit, refused, onRefuse }) {
  const { session } = useSession();
  return html`<${Committed}
    label=${label}
    name=${name}
    value=${value ?? ""}
    className="amount"
    hint=${t.fields.time}
    show=${(seconds) => (seconds === "" ? "" : clock(Number(seconds)))}
    read=${(text) => readTime(text, session.clock.end_s)}
    onCommit=${onCommit || asQuery(name)}
    refused=${refused}
    onRefuse=${onRefuse}
  />`;
}

/** A number that is not negative. */
export function Amount({ label, name, value }) {
  const read = (text) => {
    if (text === "") return { kept: "" };
    return Number.isFinite(Number(text)) && Number(text) >= 0 ? { kept: String(Number(text)) } : { problem: t.fields.noAmount(text) };
  };
  return html`<${Committed}
    label=${label}
    name=${name}
    value=${value ?? ""}
    className="amount"
    show=${String}
    read=${read}
    onCommit=${asQuery(name)}
  />`;
}

/** Any text. */
export function Typed({ label, name, value, className }) {
  return html`<${Committed}
    label=${label}
    name=${name}
    value=${value ?? ""}
    className=${className}
    show=${String}
    read=${(text) => ({ kept: text })}
    onCommit=${asQuery(name)}
  />`;
}

const isSet = (query) => (name) => Boolean(query.get(name));

/** The filters of the names in the address; on a narrow screen behind one button, which says how many are set. An order is none. */
export function Filters({ names, query, children }) {
  const count = names.filter((name) => name !== "order").filter(isSet(query)).length;
  return html`<${Fold} text=${t.filters(count)}>${children}<//>`;
}

/** A button that drops the filters, where there are any. */
export function ClearFilters({ names, query }) {
  const clear = () => setQuery(Object.fromEntries(names.map((name) => [name, null])));
  return names.some(isSet(query)) && html`<button type="button" class="plain" onClick=${clear}>${t.logs.clear}</button>`;
}
