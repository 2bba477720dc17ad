// What was not as before in a calendar, since when: what lasted first, what passed folded below, and what is not known.
import { html } from "../lib.js";
import { breakable } from "../parts.js";
import { Pin } from "../pins.js";
import { t } from "../texts.js";

/** What can be pinned of a line: the signal that it is the level of. */
function reference({ signal: name }) {
  const [signal, ...subject] = name.split(":");
  return name ? { signal, subject: subject.join(":") } : null;
}

function Rows({ rows }) {
  return html`<div class="scroll">
    <table class="table labelled">
      <thead>
        <tr>
          ${t.calendar.heads.map((head) => html`<th scope="col">${head}</th>`)}
          <th></th>
        </tr>
      </thead>
      <tbody>
        ${rows.map((one) => {
          const of = reference(one);
          return html`<tr key=${`${one.subject}${one.how}${one.at_s}`} class=${one.kind === "moment" ? "announced" : undefined}>
            <th scope="row">${one.since}</th>
            <td data-label=${t.calendar.heads[1]}><b>${breakable(one.subject)}</b></td>
            <td data-label=${t.calendar.heads[2]}><span>${one.how}${one.also && html` <small>${one.also}</small>`}</span></td>
            <td data-label=${t.calendar.heads[3]} class="quiet"><span>${one.until}</span></td>
            <td>${of && html`<${Pin} kind="chart" of=${of} at_s=${one.at_s} text=${`${one.since}: ${one.subject} ${one.how}`} />`}</td>
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

export function Differences({ story }) {
  return html`<section class="card stack tight">
    <header><h2>${t.calendar.differences}</h2></header>
    ${story.lasting.length ? html`<${Rows} rows=${story.lasting} />` : html`<p class="empty">${t.calendar.noDifferences}</p>`}
    ${
      story.passing.length > 0 &&
      html`<details>
        <summary>${t.calendar.passing(story.passing.length)}</summary>
        <${Rows} rows=${story.passing} />
      </details>`
    }
    ${
      story.unknown.length > 0 &&
      html`<h3>${t.calendar.unknown}</h3>
        <ul class="small unknown">
          ${story.unknown.map((line) => html`<li key=${line}>${line}</li>`)}
        </ul>`
    }
  </section>`;
}
