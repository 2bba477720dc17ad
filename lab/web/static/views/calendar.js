// The calendar of a system of jobs: a column a period, a row for each job, dataset and column that moved.
import { quantity } from "../format.js";
import { setQuery, useLive, useRoute } from "../hooks.js";
import { classes, html, useEffect, useRef, useState } from "../lib.js";
import { Answer, breakable } from "../parts.js";
import { useSession } from "../session.js";
import { t } from "../texts.js";
import { Chosen } from "./chosen.js";
import { Differences } from "./differences.js";
import { Indicators, marksOf } from "./indicators.js";

/** As in reports: below, a population counts as the same; from there on it has moved; the colour is full. What is drawn has `marks`, by which the key explains it. */
const CALM_PSI = 0.1,
  MOVED_PSI = 0.25,
  FULL_PSI = 1.5;
const COLOURS = 8;

const SIGNS = { retried: "↻", late: "»", failed: "✗", skipped: "–", missing: "?", repeated: "=" };
const COLUMN_SIGNS = { new: "+", gone: "−", type: "T", null: "∅" };
const known = (values) => values.filter((value) => value !== null);

const jobCell = (cell) => cell && { css: cell.outcome, sign: SIGNS[cell.outcome], words: t.calendar.outcomes[cell.outcome], marks: [cell.outcome] };

/** What is the same most of the time is coloured by its content, whatever is made anew each time by its schema. */
function datasetCells({ cells, is_steady: isSteady }) {
  const there = known(cells),
    most = Math.max(1, ...there.map((cell) => cell.version.rows ?? 0));
  return cells.map((cell) => {
    if (!cell) return null;
    const isAgain = cell.writes > 1;
    const sign = isSteady && cell.state !== "failed" ? "" : (SIGNS[cell.state] ?? "");
    return {
        css: classes(cell.behind > 0 && "behind", cell.state, isSteady && "steady", `s${(isSteady ? cell.content : cell.shape) % COLOURS}`),
        sign: sign || (cell.behind > 0 ? `−${cell.behind}` : ""),
        marks: [cell.state === "failed" ? "unwritten" : cell.state === "repeated" && !sign ? "new" : cell.state, ...(cell.behind > 0 ? ["behind"] : []), ...(isAgain ? ["again"] : [])],
        writes: isAgain && `×${cell.writes}`,
        style: `--h:${cell.version.rows === null ? 100 : Math.round((100 * cell.version.rows) / most)}%`,
        words: [t.calendar.states[cell.state], cell.version.rows !== null && t.calendar.rows(cell.version.rows), isAgain && t.calendar.writes(cell.writes), cell.behind > 0 && t.calendar.behind(cell.behind)]
          .filter(Boolean)
          .join(", "),
    };
  });
}

/** Two characters or three, as there is room for: `.3`, `1.6`, `12`. */
const short = (psi) => (psi >= 9.95 ? psi.toFixed(0) : psi.toFixed(1).replace(/^0/, ""));

/** Which one was in use: a colour for each, its number where it came. */
function inUseCells({ numbers }) {
  const order = [...new Set(known(numbers))];
  return numbers.map(
    (number, i) =>
      number !== null && {
        css: `s${order.indexOf(number) % COLOURS}`,
        sign: number === numbers[i - 1] ? "" : number,
        words: t.calendar.inUse(number),
        marks: ["in-use"],
      },
  );
}

const driftCells = ({ psi, nulls, signs }) =>
  psi.map((value, i) =>
    value === null && nulls[i] === null && !signs[i]
      ? null
      : {
          css: signs[i] ? "sign" : value >= MOVED_PSI ? "moved" : "",
          sign: COLUMN_SIGNS[signs[i]] ?? (value >= CALM_PSI ? short(value) : ""),
          marks: signs[i] ? [`column-${signs[i]}`] : value >= CALM_PSI ? ["drift"] : [],
          style: `--h:${Math.round(100 * Math.min(1, (value ?? 0) / FULL_PSI))}%`,
          words: [t.calendar.befell[signs[i]], value !== null && t.calendar.psi(quantity(value, "1")), nulls[i] > 0 && t.calendar.nulls(quantity(nulls[i], "ratio"))].filter(Boolean).join(", "),
        },
  );

/** What is announced and alerted: cells with a sign where it begins. */
function bandCells(periods, moments) {
  return periods.map((period) => {
    const here = moments.filter((one) => one.at_s < period.ends_s && (one.until_s ?? one.at_s) >= period.starts_s);
    const begun = here.filter((one) => one.at_s >= period.starts_s).length;
    return here.length
      ? { css: classes(here[0].kind, here[0].until_s !== null && "long"), sign: begun > 1 ? begun : begun ? t.calendar.signs[here[0].kind] : "", marks: [here[0].kind, ...(begun > 1 ? ["many"] : [])], words: here.map((one) => `${one.at}: ${one.text}`).join("; ") }
      : null;
  });
}

/** Rows under their headings, in the order in which they are drawn. */
function groupsOf(calendar, all) {
  const moved = calendar.drift.filter((row) => all || row.has_moved);
  const bands = ["change", "action", "clock", "alert"]
    .map((kind) => [kind, calendar.moments.filter((one) => one.kind === kind)])
    .filter(([, moments]) => moments.length);
  return [
    { css: "bands", rows: bands.map(([kind, moments]) => ({ kind, name: t.calendar.bands[kind], id: kind, cells: bandCells(calendar.periods, moments) })) },
    { css: "job", title: t.calendar.jobs, rows: calendar.jobs.map((row) => ({ kind: "job", name: row.job, id: row.job, of: row, hint: row.needs.length ? t.calendar.needs(row.needs.join(", ")) : "", cells: row.cells.map(jobCell) })) },
    { css: "in-use", title: t.calendar.inUseTitle, note: t.calendar.inUseNote, rows: calendar.in_use.map((row) => ({ kind: "in_use", name: `${row.signal} ${row.subject}`, id: `${row.signal}:${row.subject}`, of: row, hint: row.doc, cells: inUseCells(row) })) },
    { css: "dataset", title: t.calendar.datasets, note: t.calendar.datasetsNote, rows: calendar.datasets.map((row) => ({ kind: "dataset", name: row.dataset, id: row.dataset, of: row, hint: t.calendar.writtenBy(row.job), cells: datasetCells(row) })) },
    { css: "drift", title: all ? t.calendar.columns : t.calendar.movedColumns, note: t.calendar.columnsNote, rows: moved.map((row) => ({ kind: "column", name: `${row.dataset}.${row.column}`, id: `${row.dataset}.${row.column}`, of: row, cells: driftCells(row) })) },
  ].filter((group) => group.rows.length);
}

/** The heads of the columns: days where dates are known, and numbers. */
function Heads({ calendar: { word, periods }, first }) {
  const days = periods.map((period) => period.day.split(" ")),
    hasDays = periods[0]?.day;
  const months = days.reduce((found, [, , month]) => {
    if (found.at(-1)?.[0] === month) found.at(-1)[1] += 1;
    else found.push([month, 1]);
    return found;
  }, []);
  return html`<thead>
    ${
      hasDays &&
      html`<tr class="months">
          <td></td>
          ${months.map(([month, count]) => html`<th scope="colgroup" colspan=${count}><span>${month}</span></th>`)}
        </tr>
        <tr class="days" aria-hidden="true">
          <td></td>
          ${days.map(([weekday, day]) => html`<td><small>${weekday.slice(0, 2)}</small>${day}</td>`)}
        </tr>`
    }
    <tr class="numbers">
      <th scope="col">${word}</th>
      ${periods.map((period) => html`<th scope="col" class=${classes(period === periods[first] && "first")} aria-label=${[period.name, period.day].filter(Boolean).join(", ")}>${period.number}</th>`)}
    </tr>
  </thead>`;
}

function Stack({ stack, periods, first }) {
  return html`<tbody class="piles">
    <tr class="group">
      <th scope="rowgroup" colspan=${periods.length + 1}><span>${stack.signal} <small>${stack.doc}</small></span></th>
    </tr>
    <tr>
      <th scope="row">
        <ul>
          ${stack.subjects.map((subject, i) => {
            const values = known(stack.values[i]);
            return html`<li key=${subject}><i class=${`s${i % COLOURS}`}></i>${subject.split(".").at(-1)} <small>${quantity(values[0], "ratio")} → ${quantity(values.at(-1), "ratio")}</small></li>`;
          })}
        </ul>
      </th>
      ${periods.map((period, place) => {
        const values = stack.values.map((of) => of[place]),
          whole = values.reduce((sum, value) => sum + (value ?? 0), 0);
        const words = stack.subjects.map((subject, i) => `${subject} ${quantity(values[i], "ratio")}`).join(", ");
        return html`<td key=${period.number} class=${classes(place === first && "first")} title=${whole ? words : undefined}>
          ${whole > 0 && html`<div>${values.map((value, i) => html`<i class=${`s${i % COLOURS}`} style=${`height:${((100 * (value ?? 0)) / whole).toFixed(1)}%`}></i>`)}</div>`}
        </td>`;
      })}
    </tr>
  </tbody>`;
}

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -1e6], End: [0, 1e6] };

/** The grid: one cell can be reached by Tab, arrows move from it, Enter opens one. */
function Grid({ calendar, first, groups, chosen, onChoose, onClose }) {
  const rows = groups.flatMap((group) => group.rows),
    { periods } = calendar,
    table = useRef();
  const [[row, column], set] = useState(() => [groups[0]?.css === "bands" ? groups[0].rows.length : 0, periods.length - 1]);
  const at = [Math.min(row, rows.length - 1), Math.min(column, periods.length - 1)];
  function go(next) {
    const to = [Math.max(0, Math.min(rows.length - 1, next[0])), Math.max(0, Math.min(periods.length - 1, next[1]))];
    set(to);
    table.current.querySelector(`[data-at="${to.join("/")}"]`)?.focus();
  }
  function pressed(event) {
    const move = MOVES[event.key];
    if (!move || !event.target.dataset.at || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    go([at[0] + move[0], at[1] + move[1]]);
  }
  // What one looks for is in view on a narrow screen: at first where it began, with the column before it; later what came last.
  const isShown = useRef(false);
  useEffect(() => {
    const frame = table.current.parentElement,
      began = table.current.querySelector(".numbers .first");
    frame.scrollLeft = began && !isShown.current ? began.offsetLeft - began.offsetWidth - began.parentElement.firstElementChild.offsetWidth : frame.scrollWidth;
    isShown.current = true;
  }, [periods.length]);
  let number = -1;
  return html`<div class="scroll calendar-frame">
    <table class="calendar" ref=${table} role="grid" aria-label=${t.calendar.title} style=${`--columns:${periods.length}`} onKeyDown=${pressed}>
      <${Heads} calendar=${calendar} first=${first} />
      ${groups.map(
        (group, i) =>
          html`${
              i === (groups[0].css === "bands" ? 1 : 0) &&
              html`<${Indicators} key="indicators" title=${t.calendar.indicators} rows=${calendar.indicators} periods=${periods} first=${first} />
                <${Indicators} key="moved" title=${t.calendar.moved} rows=${calendar.moved} periods=${periods} first=${first} isMany />`
            }<tbody class=${group.css} key=${group.css}>
            ${
              group.title &&
              html`<tr class="group">
                <th scope="rowgroup" colspan=${periods.length + 1}><span>${group.title} <small>${group.note}</small></span></th>
              </tr>`
            }
            ${group.rows.map((one) => {
              const mine = ++number,
                isOpen = chosen?.kind === one.kind && chosen.id === one.id;
              return html`<tr key=${one.id}>
                <th scope="row" title=${one.hint || undefined}>${breakable(one.name)}</th>
                ${periods.map((period, place) => {
                  const cell = one.cells[place],
                    isHere = mine === at[0] && place === at[1],
                    isChosen = isOpen && chosen.place === place;
                  const when = [period.name, period.day].filter(Boolean).join(", ");
                  const words = `${one.name}, ${when}: ${cell?.words || t.calendar.nothing}`;
                  return html`<td
                    key=${period.number}
                    class=${classes(cell?.css, place === first && "first", isChosen && "chosen")}
                    data-at=${`${mine}/${place}`}
                    tabindex=${isHere ? 0 : -1}
                    aria-label=${words}
                    aria-selected=${isChosen ? "true" : undefined}
                    title=${words}
                    onFocus=${() => set([mine, place])}
                    onClick=${() => onChoose(one, place)}
                    onKeyDown=${(event) => {
                      if (event.key !== "Enter" && event.key !== " ") return;
                      event.preventDefault();
                      onChoose(one, place);
                    }}
                  >
                    ${cell && html`<i style=${cell.style}>${cell.sign}${cell.writes && html`<b>${cell.writes}</b>`}</i>`}
                  </td>`;
                })}
              </tr>
              ${isOpen && html`<tr class="opened" key=${`${one.id}/opened`}><td class="detail" colspan=${periods.length + 1}><${Chosen} key=${`${one.id}/${chosen.place}`} chosen=${chosen} calendar=${calendar} onClose=${onClose} /></td></tr>`}`;
            })}
          </tbody>`,
      )}
      ${calendar.stacks.map((stack) => html`<${Stack} key=${stack.signal} stack=${stack} periods=${periods} first=${first} />`)}
    </table>
  </div>`;
}

/** Every mark that is drawn, and no other. */
function Key({ calendar, first, groups }) {
  const cells = groups.flatMap((group) => group.rows).flatMap((row) => known(row.cells)),
    drawn = new Set([...(first === null ? [] : ["first"]), ...marksOf([...calendar.indicators, ...calendar.moved]), ...cells.flatMap((cell) => cell?.marks ?? [])]);
  return html`<ul class="calendar-key" aria-label=${t.calendar.keyTitle}>
    ${t.calendar.key(calendar.word).map(([mark, css, sign, words]) => drawn.has(mark) && html`<li key=${mark} data-mark=${mark}><i class=${css}>${sign}</i> ${words}</li>`)}
  </ul>`;
}

/** What the address names: `row=KIND:NAME` and `at=NUMBER` of the period. */
function chosenOf(query, groups, periods) {
  const [kind, ...rest] = (query.get("row") || "").split(":"),
    id = rest.join(":"),
    place = periods.findIndex((period) => String(period.number) === query.get("at"));
  const row = groups.flatMap((group) => group.rows).find((one) => one.kind === kind && one.id === id);
  return row && place >= 0 ? { kind, id, place, row } : null;
}

export function CalendarView() {
  const { base, version, session } = useSession();
  const { query } = useRoute();
  const found = useLive(`${base}/calendar`, version);
  const [all, setAll] = useState(false);
  return html`<${Answer} of=${found}
    >${({ calendar, story }) => {
      if (!calendar.periods.length) return html`<p class="empty">${t.calendar.empty}</p>`;
      const groups = groupsOf(calendar, all),
        chosen = chosenOf(query, groupsOf(calendar, true), calendar.periods),
        calm = calendar.drift.filter((row) => !row.has_moved).length;
      const choose = (row, place) => setQuery({ row: `${row.kind}:${row.id}`, at: calendar.periods[place].number });
      const close = () => setQuery({ row: null, at: null });
      return html`<section class="card stack tight">
          <p class="opening">${story.opening}</p>
          <p class="quiet small">${t.calendar.lead(calendar.word, session.calendar.zone, calendar.moments.some((one) => one.kind === "clock"))}</p>
          <${Grid} calendar=${calendar} first=${story.first} groups=${groups} chosen=${chosen} onChoose=${choose} onClose=${close} />
          <div class="row apart">
            <${Key} calendar=${calendar} first=${story.first} groups=${groups} />
            ${calm > 0 && html`<button type="button" class="plain" aria-pressed=${all} onClick=${() => setAll(!all)}>${all ? t.calendar.fewer : t.calendar.calm(calm)}</button>`}
          </div>
          ${story.lineage.map((line) => html`<p class="small lineage" key=${line}><b>${t.calendar.lineage}</b> ${line}</p>`)}
        </section>
        ${chosen && !groups.flatMap((group) => group.rows).some((row) => row.id === chosen.id) && html`<${Chosen} key=${`${chosen.id}/${chosen.place}`} chosen=${chosen} calendar=${calendar} onClose=${close} />`}
        <${Differences} story=${story} />`;
    }}<//
  >`;
}
