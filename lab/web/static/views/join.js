// A participant tells a name, and gets a link to come back with; or comes back.
import { remember, ROOT, send } from "../api.js";
import { html, useState } from "../lib.js";
import { Field, useToast } from "../parts.js";
import { t } from "../texts.js";
import { PersonalLink, Rejoin } from "./rejoin.js";

export function Join({ done }) {
  const [name, setName] = useState(""),
    [token, setToken] = useState("");
  const toast = useToast();
  async function join(event) {
    event.preventDefault();
    try {
      const answer = await send("POST", `${ROOT}/participants`, { name: name.trim() });
      if (answer.csrf) remember(answer.csrf);
      if (answer.token) setToken(answer.token);
      else done();
    } catch (error) {
      toast(error);
    }
  }
  if (token)
    return html`<main class="sheet narrow" tabindex="-1">
      <section class="card stack">
        <h1>${t.join.welcome(name.trim())}</h1>
        <${PersonalLink} token=${token} />
        <button type="button" class="primary" onClick=${done}>${t.join.on}</button>
      </section>
    </main>`;
  return html`<main class="sheet narrow stack" tabindex="-1">
    <form class="card stack" onSubmit=${join}>
      <h1>${t.join.title}</h1>
      <p class="quiet">${t.join.lead}</p>
      <${Field} label=${t.join.name}
        ><input name="name" value=${name} required maxlength="60" autocomplete="name" onInput=${(event) => setName(event.target.value)}
      /><//>
      <button class="primary">${t.join.go}</button>
    </form>
    <${Rejoin} />
  </main>`;
}
