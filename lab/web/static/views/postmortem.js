// The post-mortem: filled in by the lab, gone on with by whoever learns from it; saved, told when another tab saved, to download.
import { get, send } from "../api.js";
import { useKept } from "../hooks.js";
import { html, useEffect, useRef, useState } from "../lib.js";
import { Badge, Problem, Toggle } from "../parts.js";
import { markdown } from "../markdown.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";

const CONFLICT = 409;

/**
 * The text that is written, and the one that is kept at the server. What is not saved stays in this browser, with the revision
 * that it began from, so that neither a reload nor another tab takes it away.
 */
function useDraft(base, id) {
  const [kept, setKept] = useState(null),
    [problem, setProblem] = useState(null),
    [isSaving, setSaving] = useState(false);
  const [own, setOwn] = useKept(`postmortem/${id}`, null);
  const isUnsaved = kept !== null && own !== null && own.text !== kept.text;
  async function load() {
    try {
      setKept(await get(`${base}/postmortem/draft`));
      setProblem(null);
    } catch (error) {
      setProblem(error.problem || { what: String(error) });
    }
  }
  useEffect(() => {
    load();
  }, [base]);
  async function save(revision) {
    if (isSaving || !kept || !own) return;
    setSaving(true);
    try {
      const { text } = own;
      const saved = await send("PUT", `${base}/postmortem`, { text, revision: revision ?? own.revision });
      setKept(saved);
      // What was typed meanwhile goes on from what was saved just now.
      setOwn((now) => (now && now.text !== text ? { ...now, revision: saved.revision } : null));
      setProblem(null);
    } catch (error) {
      if (error.status === CONFLICT) await load();
      setProblem(error.problem || { what: String(error) });
    }
    setSaving(false);
  }
  return {
    kept,
    text: own?.text ?? kept?.text ?? "",
    isUnsaved,
    isSaving,
    problem,
    /** Somebody saved since this text was begun. */
    isBehind: isUnsaved && own.revision !== kept.revision,
    save,
    write: (text) => setOwn((old) => ({ text, revision: isUnsaved ? old.revision : kept.revision })),
    drop() {
      setOwn(null);
      setProblem(null);
    },
  };
}

function download(text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: "postmortem.md" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** What can be done where another tab saved meanwhile. */
function Conflict({ draft }) {
  return html`<div class="note stack tight" role="alert">
    <p><b>${t.postmortem.conflict}</b></p>
    <p class="small">${t.postmortem.conflictLead}</p>
    <div class="row">
      <button type="button" onClick=${() => draft.save(draft.kept.revision)}>${t.postmortem.keepMine}</button
      ><button type="button" onClick=${draft.drop}>${t.postmortem.takeTheirs}</button>
    </div>
  </div>`;
}

function Editor({ draft }) {
  const area = useRef();
  useEffect(() => {
    area.current?.focus({ preventScroll: true });
  }, []);
  return html`<textarea
    ref=${area}
    class="editor"
    name="postmortem"
    aria-label=${t.postmortem.title}
    spellcheck="true"
    value=${draft.text}
    onInput=${(event) => draft.write(event.target.value)}
    onKeyDown=${(event) => {
      if (!(event.ctrlKey || event.metaKey) || event.key !== "s") return;
      event.preventDefault();
      draft.save();
    }}
  ></textarea>`;
}

export function Postmortem() {
  const { base, id } = useSession();
  const draft = useDraft(base, id);
  const [mode, setMode] = useState("read");
  const { kept, text, isUnsaved, isSaving, isBehind } = draft;
  return html`<div>
      <h1>${t.postmortem.title}</h1>
      <p class="quiet">${t.postmortem.lead}</p>
    </div>
    ${isBehind ? html`<${Conflict} draft=${draft} />` : html`<${Problem} problem=${draft.problem} />`}
    ${!kept && !draft.problem && html`<p class="empty" role="status">${t.loading}</p>`}
    ${
      kept &&
      html`<div class="row apart">
          <${Toggle}
            label=${t.postmortem.title}
            value=${mode}
            onChange=${setMode}
            options=${[
              ["read", t.postmortem.read],
              ["edit", t.postmortem.edit],
            ]}
          />
          <div class="row">
            <span role="status" class="small"
              >${isUnsaved ? html`<${Badge} kind="warn">${t.postmortem.unsaved}<//>` : kept.saved_at ? html`<span class="quiet">${t.postmortem.saved(new Date(kept.saved_at * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" }))}</span>` : ""}</span
            >
            ${!isUnsaved && kept.original !== null && text !== kept.original && html`<button type="button" class="plain" onClick=${() => draft.write(kept.original)}>${t.postmortem.original}</button>`}
            ${isUnsaved && html`<button type="button" class="plain" onClick=${draft.drop}>${t.postmortem.undo}</button>`}
            <button type="button" class="primary" disabled=${!isUnsaved || isSaving || isBehind} title=${t.postmortem.saveHint} onClick=${() => draft.save()}>
              ${t.postmortem.save}</button
            ><button type="button" onClick=${() => download(text)}>${t.postmortem.download}</button>
          </div>
        </div>
        ${mode === "edit" ? html`<${Editor} draft=${draft} />` : html`<article class="card markdown">${markdown(text)}</article>`}`
    }`;
}
