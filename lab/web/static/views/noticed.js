// Who noticed first, and why so late; of a control what looked suspicious, why it was nothing, what believing it costs.
import { clock, clockEnd, duration, quantity } from "../format.js";
import { html } from "../lib.js";
import { t } from "../texts.js";

const words = t.noticed;

/** What an objective looks at, held against its limit. */
function Watched({ watched }) {
  if (!watched.length) return null;
  return html`<details>
    <summary class="small">${words.watched(watched.length)}</summary>
    <div class="scroll" tabindex="0" role="region" aria-label=${words.watchedLabel}>
      <table class="table labelled">
        <thead>
          <tr>
            ${words.watchedColumns.map((name, i) => html`<th class=${i > 1 ? "right" : ""}>${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${watched.map(
            (one) =>
              html`<tr key=${one.slo + one.side}>
                <th>${one.slo}</th>
                <td data-label=${words.watchedColumns[1]}>${one.signal}</td>
                <td class="right" data-label=${words.watchedColumns[2]}>${quantity(one.worst, one.unit)}</td>
                <td class="right" data-label=${words.watchedColumns[3]}>${t.debrief.sides[one.side]} ${quantity(one.limit, one.unit)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}

export function Detection({ of }) {
  if (!of) return null;
  const { first, alert, felt, said } = of;
  const steps = [
    [words.began, clock(of.began_s)],
    [words.first, first && html`${clockEnd(first.first_visible_s)}, <b>${first.signal}</b> ${first.subject}`],
    [words.alert, alert ? html`${clockEnd(alert.at_s)}, ${words.alertFor(alert.slo, alert.for)}` : words.none],
    [words.line, of.line ? html`${clock(of.line.at_s)}, ${of.line.service}: ${of.line.text}` : words.none],
    [words.felt, felt ? html`${clockEnd(felt.at_s)}, <b>${felt.signal}</b> ${felt.subject}` : words.never],
    [words.called, of.called_s !== null && clock(of.called_s)],
  ].filter(([, text]) => text);
  return html`<section class="card stack tight">
    <h2>${words.title}</h2>
    <p><b>${words.by[of.noticed_by]}</b>${of.noticed_s !== null && `, ${words.after(duration(of.noticed_s - of.began_s))}`}.</p>
    <dl class="facts">
      ${steps.map(
        ([name, text]) =>
          html`<dt>${name}</dt>
            <dd>${text}</dd>`,
      )}
    </dl>
    <h3>${words.why}</h3>
    <ul>
      ${of.why.map((line) => html`<li key=${line}>${line}</li>`)}
    </ul>
    <${Watched} watched=${of.watched} />
    ${said && (said.noticed_by || said.why) && html`<p class="small quiet">${words.said}: ${[said.noticed_by && `${words.by[said.noticed_by]}.`, said.why].filter(Boolean).join(" ")}</p>`}
  </section>`;
}

/** Levels held against what was usual before. */
function Levels({ levels }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${words.levels}>
    <table class="table labelled">
      <thead>
        <tr>
          ${words.levelColumns.map((name, i) => html`<th class=${i > 1 ? "right" : ""}>${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${levels.map(
          (one) =>
            html`<tr key=${one.signal + one.subject}>
              <th>${one.signal}<small class="block">${one.doc}</small></th>
              <td data-label=${words.levelColumns[1]}>${one.subject}</td>
              <td class="right" data-label=${words.levelColumns[2]}>${quantity(one.before, one.unit)}</td>
              <td class="right" data-label=${words.levelColumns[3]}>${words.range(quantity(one.low, one.unit), quantity(one.high, one.unit))}</td>
              <td class="right" data-label=${words.levelColumns[4]}><b>${quantity(one.since, one.unit)}</b></td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** What believing it would have cost: points, and people's time for nothing. */
function Accusation({ of: { points, lost, remedies } }) {
  return html`<h3>${words.accusation}</h3>
    <p>${lost > 0 ? words.lost(Math.round(lost), Math.round(points)) : words.wouldLose}</p>
    ${
      remedies.length > 0 &&
      html`<p class="small">${words.inVain}</p>
        <ul class="plainlist small">
          ${remedies.map((one) => html`<li key=${one.title + one.place}><b>${one.title}</b> ${one.place}, ${duration(one.cost_s)}</li>`)}
        </ul>`
    }
    <p class="small quiet">${words.meanwhile}</p>`;
}

export function Suspicions({ of }) {
  if (!of) return null;
  return html`<section class="card stack tight">
    <h2>${words.suspicious}</h2>
    ${of.events.length > 0 && html`<p><b>${words.undo}</b></p>`}
    ${of.said && (of.said.noticed_by || of.said.why) && html`<p class="small quiet">${words.said}: ${[of.said.noticed_by && `${words.by[of.said.noticed_by]}.`, of.said.why].filter(Boolean).join(" ")}</p>`}
    <p class="quiet small">${words.usualLead}</p>
    <h3>${words.moved}</h3>
    ${of.moved.length > 0 ? html`<p class="small">${words.movedLead(of.moved.length, of.signals)}</p><${Levels} levels=${of.moved} />` : html`<p>${words.nothingMoved(of.signals)}</p>`}
    ${of.still?.length > 0 && html`<p class="small">${words.still}</p><${Levels} levels=${of.still} />`}
    ${of.events.map(
      (one) =>
        html`<h3 key=${one.kind + one.element}>${one.kind.replaceAll("-", " ")}, ${one.element}, ${clock(one.at_s)}</h3>
          <p>${one.doc} ${one.own.length > 0 && (one.is_calm ? words.calm(one.element) : words.notCalm(one.element))}</p>
          ${one.own.length > 0 && html`<${Levels} levels=${one.own} />`}`,
    )}
    ${of.blamed.map(
      (one) =>
        html`<h3 key=${one.element}>${words.blamed(one.element)}</h3>
          ${one.own.length > 0 ? html`<${Levels} levels=${one.own} />` : html`<p class="empty">${words.nothingKnown}</p>`}`,
    )}
    <${Accusation} of=${of.accusation} />
  </section>`;
}
