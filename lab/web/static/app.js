// The page: what the address after `#` names is shown.
import { get, remember, ROOT } from "./api.js";
import { useKeptFocus, useRoute } from "./hooks.js";
import { html, render, useEffect, useErrorBoundary, useState } from "./lib.js";
import { Problem, ToastArea } from "./parts.js";
import { t } from "./texts.js";
import { ExerciseList } from "./views/list.js";
import { Group } from "./views/group.js";
import { Incident } from "./views/incident.js";
import { Join } from "./views/join.js";
import { Past } from "./views/past.js";

function Page({ me, reload }) {
  const { parts } = useRoute();
  const [error, again] = useErrorBoundary((broken) => console.error(broken));
  useEffect(() => {
    if (error) again();
    window.scrollTo(0, 0);
  }, [parts.slice(0, 3).join("/")]);
  if (error)
    return html`<main class="sheet">
      <${Problem} problem=${{ what: t.problems.broke, seen: String(error), hint: t.problems.brokeHint }} />
    </main>`;
  const [where = me.role === "instructor" ? "group" : "", id, tab] = parts;
  if (me.needs_name) return html`<${Join} done=${reload} />`;
  if (where === "" || where === "exercises") return html`<${ExerciseList} me=${me} />`;
  if (where === "group" && me.role === "instructor") return html`<${Group} me=${me} />`;
  if (where === "session" && id) return html`<${Incident} key=${id} id=${id} tab=${tab} me=${me} />`;
  if (where === "past" && id) return html`<${Past} key=${id} id=${id} tab=${tab} />`;
  return html`<main class="sheet">
    <p>${t.problems.notFound}</p>
    <a href="#/">${t.back}</a>
  </main>`;
}

function App() {
  const [me, setMe] = useState(null);
  const [problem, setProblem] = useState(null);
  useKeptFocus();
  async function load() {
    try {
      const answer = await get(`${ROOT}/me`);
      remember(answer.csrf);
      setMe({ ...answer, needs_name: answer.role === "joining" || (answer.role === "participant" && !answer.name) });
      setProblem(null);
    } catch (error) {
      setProblem(error.problem || { what: String(error) });
      if (error.passes) setTimeout(load, 3000);
    }
  }
  useEffect(() => {
    load();
  }, []);
  return html`<${ToastArea}>
    <a
      class="skip"
      href="#content"
      onClick=${(event) => {
        event.preventDefault();
        document.querySelector("main")?.focus();
      }}
      >${t.skip}</a
    >
    ${problem ? html`<main class="sheet"><${Problem} problem=${problem} /></main>` : me ? html`<${Page} me=${me} reload=${load} />` : html`<p class="sheet empty" role="status">${t.loading}</p>`}
  <//>`;
}

render(html`<${App} />`, document.getElementById("app"));
