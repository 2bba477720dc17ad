// Fields whose value counts when it is left or Enter is pressed, so that nothing typed is lost to what comes meanwhile.
import { get, query } from "./api.js";
import { clock, parsedTime } from "./format.js";
import { setQuery } from "./hooks.js";
import { html, useEffect, useId, useRef, useState } from "./lib.js";
import { Field, Fold } from "./parts.js";
import { useSession } from "./session.js";
import { t } from "./texts.js";

/**
 * Text in a form of its own. `read` gives `{ kept }`, or the `problem` with what was typed, now or later; `show` how what is
 * kept is shown; `understood` what is said below it of what was read. What is refused stays in the field with its problem
 * below. A form around it that must know keeps it: `refused`, `onRefuse`.
 */
function Committed({ label, name, value, className, read, show, onCommit, hint, understood, refused: given, onRefuse }) {
  const [own, setOwn] = useState("");
  const refused = onRefuse ? given : own,
    refuse = onRefuse || setOwn;
  const [text, setText] = useState(refused || show(value)),
    [told, setTold] = useState({}),
    [typed, setTyped] = useState({});
  const problem = refused && told.of === refused ? told.problem : "";
  const settled = useRef(value); // a value that is another comes from elsewhere, and takes the place of what was typed
  const asked = useRef(0); // what was typed later counts, whichever is read first
  const latest = async (what, then) => {
    const mine = ++asked.current,
      found = await read(what);
    if (mine === asked.current) then(found);
  };
  const noteId = `note-${useId()}`,
    said = !problem && typed.kept === value && value !== "" && understood?.(typed.what, value);
  useEffect(() => {
    if (value === settled.current) return;
    settled.current = value;
    asked.current += 1; // what is still being read was typed before
    setOwn("");
    setText((onRefuse && given) || show(value));
  }, [value]);
  useEffect(() => {
    if (refused && told.of !== refused) latest(refused, (found) => setTold({ of: refused, problem: found.problem || "" }));
  }, [refused]);
  function commit(event) {
    const what = event.target.value.trim();
    latest(what, (found) => {
      if (found.problem) {
        setTold({ of: what, problem: found.problem });
        if (onRefuse) settled.current = ""; // whoever keeps what is refused has no value then
        refuse(what);
        return;
      }
      settled.current = found.kept;
      refuse("");
      setTyped({ what, kept: found.kept });
      setText(show(found.kept));
      onCommit(found.kept);
    });
  }
  function change(event) {
    setText(event.target.value);
    // Who mends it is told at once that it is right; it counts when the field is left.
    if (refused) latest(event.target.value.trim(), (found) => found.problem || refuse(""));
  }
  return html`<div class="committed">
    <${Field} label=${label}
      ><input
        name=${`field-${name}`}
        class=${className}
        value=${text}
        placeholder=${hint}
        aria-invalid=${Boolean(problem)}
        aria-describedby=${problem || said ? noteId : undefined}
        onInput=${change}
        onChange=${commit}
        onKeyDown=${(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault(); // the form around it is not sent by it
          commit(event);
        }}
    /><//>
    ${problem && html`<p class="small wrong" role="alert" id=${noteId}>${problem} ${!onRefuse && value !== "" ? t.fields.still(show(value)) : ""}</p>`}
    ${said && html`<p class="small quiet" role="status" id=${noteId}>${said}</p>`}
  </div>`;
}

const asQuery = (name) => (value) => setQuery({ [name]: value });

/** A time of the incident as somebody typed it: `{ kept }`, seconds as text, or its `problem`. No time is none. */
function readTime(typed, end_s) {
  const time = typed === "" ? "" : parsedTime(typed);
  if (time === undefined) return { problem: /^\d+[.,]\d+$/.test(typed) ? t.fields.noUnit(typed) : t.fields.noTime(typed) };
  return Number(time) > end_s ? { problem: t.fields.tooLate(typed, clock(end_s)) } : { kept: time };
}

/** The same by a calendar, which the server reads. */
async function readDate(typed, base) {
  if (typed === "") return { kept: "" };
  try {
    return { kept: String((await get(`${base}/moment${query({ of: typed })}`)).at_s) };
  } catch ({ problem: { what, expected, hint } }) {
    return { problem: t.fields.unread(typed, [what, expected && t.fields.expected(expected), hint].filter(Boolean)) };
  }
}

/** A time of the incident, such as 05:12, 312 or 312s, or by its calendar; in the address it is in seconds. */
export function TimeField({ label, name, value, onCommit, refused, onRefuse }) {
  const { base, session } = useSession(),
    { calendar, clock: at } = session;
  return html`<${Committed}
    label=${label}
    name=${name}
    value=${value ?? ""}
    className=${calendar ? "calendar-time" : "amount"}
    hint=${calendar ? t.fields.date(calendar.period) : t.fields.time}
    show=${(seconds) => (seconds === "" ? "" : clock(Number(seconds)))}
    read=${(text) => (calendar ? readDate(text, base) : readTime(text, at.end_s))}
    understood=${calendar && ((typed, seconds) => t.fields.understood(typed, clock(Number(seconds))))}
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
