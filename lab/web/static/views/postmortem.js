// The post-mortem: Markdown from the server, shown as text with headings, and to download.
import { getText } from "../api.js";
import { html, useEffect, useState } from "../lib.js";
import { Problem, Toggle } from "../parts.js";
import { markdown } from "../markdown.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";

export function Postmortem() {
  const { base, session } = useSession();
  const [text, set] = useState(null),
    [problem, setProblem] = useState(null),
    [mode, setMode] = useState("read");
  useEffect(() => {
    getText(`${base}/postmortem`).then(set, (error) => setProblem(error.problem));
  }, [base, session.status]);
  function download() {
    const url = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
    const link = Object.assign(document.createElement("a"), { href: url, download: "postmortem.md" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
  return html`<div>
      <h1>${t.postmortem.title}</h1>
      <p class="quiet">${t.postmortem.lead}</p>
    </div>
    <${Problem} problem=${problem} /> ${
      text !== null &&
      html`<div class="row apart">
          <${Toggle}
            label=${t.postmortem.title}
            value=${mode}
            onChange=${setMode}
            options=${[
              ["read", t.postmortem.read],
              ["raw", t.postmortem.raw],
            ]}
          /><button type="button" class="primary" onClick=${download}>${t.postmortem.download}</button>
        </div>
        <article class="card markdown">${mode === "raw" ? html`<pre>${text}</pre>` : markdown(text)}</article>`
    }`;
}
