// What was not as before in a calendar, since when: what lasted first, what passed folded below.
import { quantity } from "../format.js";
import { html } from "../lib.js";
import { Pin } from "../pins.js";
import { t } from "../texts.js";

/** From so many periods on a difference is one that lasted. */
const LASTING = 3;
/** Levels that are no farther apart are told as one. */
const ALIKE = 0.05;
const whenOf = (period) => [period.name, period.day].filter(Boolean).join(", ");

/** In which period a difference began, and until when and how often it was there. */
function spanOf({ periods }, one) {
  const last = periods[one.last],
    count = one.last - one.first + 1,
    isLast = one.last === periods.length - 1;
  const until = count === 1 ? (isLast ? t.calendar.now : t.calendar.once) : isLast ? t.calendar.untilNow : t.calendar.until(last.name);
  return [whenOf(periods[one.first]), one.often < count ? t.calendar.often(until, one.often, count) : until];
}

/** What was not as before. */
export function howOf(one) {
  const [before, first, last] = [one.before, one.at_first, one.after].map((value) => quantity(value, one.unit)),
    how = t.calendar.how[one.what];
  const after = one.at_first === null || Math.abs(one.after - one.at_first) <= ALIKE * Math.abs(one.after) ? last : t.calendar.then(first, last);
  return typeof how === "function" ? how(before, after, one.detail) : how[one.detail](before, after);
}

/** What can be pinned of it: the signal that it is the level of. */
function reference({ signal: name }) {
  const [signal, ...subject] = name.split(":");
  return name ? { signal, subject: subject.join(":") } : null;
}

function Rows({ calendar, rows }) {
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
          const [since, until] = spanOf(calendar, one),
            of = reference(one),
            text = `${since}: ${one.subject} ${howOf(one)}`;
          return html`<tr key=${`${one.subject}${one.what}${one.detail}${one.first}`}>
            <th scope="row">${since}</th>
            <td data-label=${t.calendar.heads[1]}><b>${one.subject}</b></td>
            <td data-label=${t.calendar.heads[2]}><span>${howOf(one)}</span></td>
            <td data-label=${t.calendar.heads[3]} class="quiet"><span>${until}</span></td>
            <td>${of && html`<${Pin} kind="chart" of=${of} at_s=${calendar.periods[one.first].starts_s} text=${text} />`}</td>
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

export function Differences({ calendar }) {
  const lasting = calendar.differences.filter((one) => one.often >= LASTING),
    passing = calendar.differences.filter((one) => one.often < LASTING);
  return html`<section class="card stack tight">
    <header><h2>${t.calendar.differences}</h2></header>
    ${lasting.length ? html`<${Rows} calendar=${calendar} rows=${lasting} />` : html`<p class="empty">${t.calendar.noDifferences}</p>`}
    ${
      passing.length > 0 &&
      html`<details>
        <summary>${t.calendar.passing(passing.length)}</summary>
        <${Rows} calendar=${calendar} rows=${passing} />
      </details>`
    }
  </section>`;
}
