// A participant tells a name.
import { remember, ROOT, send } from "../api.js";
import { html, useState } from "../lib.js";
import { Field, useToast } from "../parts.js";
import { t } from "../texts.js";

export function Join({ done }) {
  const [name, setName] = useState("");
  const toast = useToast();
  async function join(event) {
    event.preventDefault();
    try {
      const answer = await send("POST", `${ROOT}/participants`, { name: name.trim() });
      if (answer.csrf) remember(answer.csrf);
      done();
    } catch (error) {
      toast(error);
    }
  }
  return html`<main class="sheet narrow" tabindex="-1">
    <form class="card stack" onSubmit=${join}>
      <h1>${t.join.title}</h1>
      <p class="quiet">${t.join.lead}</p>
      <${Field} label=${t.join.name}
        ><input name="name" value=${name} required maxlength="60" autocomplete="name" onInput=${(event) => setName(event.target.value)}
      /><//>
      <button class="primary">${t.join.go}</button>
    </form>
  </main>`;
}
