// The personal link of a participant: shown to keep, and asked for to come back.
import { html, useRef, useState } from "../lib.js";
import { Field, useToast } from "../parts.js";
import { t } from "../texts.js";

const linkOf = (token) => `${location.origin}/?token=${encodeURIComponent(token)}`;

/** A link that leads whoever has it back to their sessions, with a button that copies it; `isOthers`: to be passed on. */
export function PersonalLink({ token, isOthers }) {
  const field = useRef();
  const toast = useToast();
  async function copy() {
    field.current.select();
    try {
      await navigator.clipboard.writeText(field.current.value);
    } catch {
      if (!document.execCommand("copy")) return; // over plain HTTP there is no clipboard; it is selected at least
    }
    toast(t.rejoin.copied);
  }
  return html`<div class="stack tight">
    <${Field} label=${isOthers ? t.rejoin.othersLink : t.rejoin.link}
      ><input ref=${field} name="personal-link" readonly value=${linkOf(token)} onFocus=${(event) => event.target.select()}
    /><//>
    <div class="row"><span class="small">${t.rejoin.code} <code>${token}</code></span><button type="button" onClick=${copy}>${t.rejoin.copy}</button></div>
    <p class="small quiet">${isOthers ? t.rejoin.othersOnce : t.rejoin.once}</p>
  </div>`;
}

/** For who has been here before: a code, or the whole link. */
export function Rejoin() {
  const [text, set] = useState("");
  function go(event) {
    event.preventDefault();
    const token = /token=([^&#\s]+)/.exec(text)?.[1] ?? encodeURIComponent(text.trim().toLowerCase());
    location.href = `/?token=${token}`;
  }
  return html`<form class="card stack tight" onSubmit=${go}>
    <h2>${t.rejoin.title}</h2>
    <p class="small quiet">${t.rejoin.lead}</p>
    <div class="row end">
      <${Field} label=${t.rejoin.code}><input name="code" required value=${text} autocomplete="off" onInput=${(event) => set(event.target.value)} /><//
      ><button disabled=${!text.trim()}>${t.rejoin.go}</button>
    </div>
  </form>`;
}
