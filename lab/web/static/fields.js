// Fields whose value counts when it is left or Enter is pressed, so that nothing typed is lost to what comes meanwhile.
import { clock, parsedTime } from "./format.js";
import { setQuery } from "./hooks.js";
import { html, useEffect, useState } from "./lib.js";
import { Field, Fold } from "./parts.js";
import { t } from "./texts.js";

/** Text in a form of its own; `read` gives what is kept (undefined: not valid) and `show` how what is kept is shown. */
function Committed({ label, name, value, className, read, show, onCommit, hint }) {
  const [text, setText] = useState(show(value));
  const [isWrong, setWrong] = useState(false);
  useEffect(() => {
    setText(show(value));
    setWrong(false);
  }, [value]);
  function commit(event) {
    const found = read(event.target.value.trim());
    setWrong(found === undefined);
    if (found !== undefined) onCommit(found);
  }
  return html`<${Field} label=${label}
    ><input
      name=${`field-${name}`}
      class=${className}
      value=${text}
      placeholder=${hint}
      aria-invalid=${isWrong}
      onInput=${(event) => setText(event.target.value)}
      onChange=${commit}
      onKeyDown=${(event) => {
        if (event.key !== "Enter") return;
        event.preventDefault(); // the form around it is not sent by it
        commit(event);
      }}
  /><//>`;
}

const asQuery = (name) => (value) => setQuery({ [name]: value });

/** A time of the incident, such as 05:12, 312 or 312s; in the address it is in seconds. */
export function TimeField({ label, name, value, onCommit, hint }) {
  return html`<${Committed}
    label=${label}
    name=${name}
    value=${value ?? ""}
    className="amount"
    hint=${hint || t.timeHint}
    show=${(seconds) => (seconds === "" ? "" : clock(Number(seconds)))}
    read=${(text) => (text === "" ? "" : parsedTime(text))}
    onCommit=${onCommit || asQuery(name)}
  />`;
}

/** A number that is not negative. */
export function Amount({ label, name, value }) {
  const read = (text) => (text === "" ? "" : Number.isFinite(Number(text)) && Number(text) >= 0 ? String(Number(text)) : undefined);
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
    read=${String}
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
