// A fault tree and a fishbone, drawn from the hypotheses on the board.
import { classes, html } from "./lib.js";
import { t } from "./texts.js";

const WIDTH = 170,
  HEIGHT = 60,
  GAP = 22,
  LEVEL = 92;

/** Text in at most `lines` lines of `length` characters. */
function folded(text, length = 24, lines = 2) {
  const out = [""];
  for (const word of text.split(/\s+/)) {
    if (out.at(-1) && `${out.at(-1)} ${word}`.length > length) out.push(word);
    else out[out.length - 1] = `${out.at(-1)} ${word}`.trim();
  }
  const kept = out.slice(0, lines).map((line) => (line.length > length ? `${line.slice(0, length - 1)}…` : line));
  if (out.length > lines) kept[lines - 1] = `${kept[lines - 1].slice(0, length - 1)}…`;
  return kept;
}

const speaking = (pins, id, stance) => pins.filter((pin) => pin.hypothesis === id && pin.stance === stance).length;

function Box({ x, y, text, state, note, isTop }) {
  const lines = folded(text),
    middle = y + HEIGHT / 2 + (note ? -5 : 4);
  return html`<g class=${classes("idea", state, isTop && "top")}
    ><rect x=${x} y=${y} width=${WIDTH} height=${HEIGHT} rx="7" />
    ${lines.map((line, i) => html`<text x=${x + WIDTH / 2} y=${middle + (i - (lines.length - 1) / 2) * 15} text-anchor="middle" class=${isTop ? "strong" : ""}>${line}</text>`)}
    ${note && html`<text class="quiet" x=${x + WIDTH / 2} y=${y + HEIGHT - 6} text-anchor="middle">${note}</text>`}<title>${text}</title></g
  >`;
}

/** What users feel at the top; below each hypothesis those that explain it. Any one of them is enough: an "or". */
export function FaultTree({ symptom, hypotheses, pins }) {
  const ids = new Set(hypotheses.map((one) => one.id));
  const below = (id) => hypotheses.filter((one) => (ids.has(one.parent) ? one.parent : null) === id);
  const boxes = [],
    lines = [];
  let next = 0,
    deepest = 0;
  function place(id, depth) {
    const children = below(id).map((one) => place(one.id, depth + 1));
    const x = children.length ? (children[0] + children.at(-1)) / 2 : GAP + next++ * (WIDTH + GAP);
    const y = 12 + depth * LEVEL;
    deepest = Math.max(deepest, depth);
    boxes.push({ id, x, y });
    for (const child of children) lines.push({ x1: x + WIDTH / 2, y1: y + HEIGHT, x2: child + WIDTH / 2, y2: y + LEVEL });
    if (children.length > 1) lines.push({ or: true, x: x + WIDTH / 2, y: y + HEIGHT + 14 });
    return x;
  }
  place(null, 0);
  const width = Math.max(next * (WIDTH + GAP) + GAP, WIDTH + 2 * GAP),
    height = 24 + deepest * LEVEL + HEIGHT;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t.board.tree}>
    <svg
      class="drawing tree"
      viewBox=${`0 0 ${width} ${height}`}
      style=${{ minWidth: `${Math.min(width, 1400) * 0.7}px`, maxWidth: `${width * 1.1}px` }}
      role="img"
      aria-label=${`${t.board.tree}: ${symptom}; ${hypotheses.map((one) => `${one.text} (${t.board.states[one.state]})`).join("; ")}`}
    >
      ${lines.filter((one) => !one.or).map((one) => html`<path d=${`M${one.x1} ${one.y1}V${(one.y1 + one.y2) / 2}H${one.x2}V${one.y2}`} />`)}
      ${lines.filter((one) => one.or).map((one) => html`<g class="gate"><circle cx=${one.x} cy=${one.y} r="10" /><text x=${one.x} y=${one.y + 4} text-anchor="middle">or</text></g>`)}
      ${boxes.map(({ id, x, y }) => {
        const one = hypotheses.find((item) => item.id === id);
        return one
          ? html`<${Box}
              x=${x}
              y=${y}
              text=${one.text}
              state=${one.state}
              note=${t.board.count(speaking(pins, id, "for"), speaking(pins, id, "against"))}
            />`
          : html`<${Box} x=${x} y=${y} text=${symptom} isTop />`;
      })}
    </svg>
  </div>`;
}

/** A spine with a bone for each boundary, and the hypotheses on their bones; bones without any are short. */
export function Fishbone({ symptom, hypotheses, boundaries }) {
  const bones = [...boundaries, ...(hypotheses.some((one) => !boundaries.includes(one.boundary)) ? [""] : [])];
  const columns = Math.ceil(bones.length / 2),
    across = 250,
    width = columns * across + 30 + WIDTH,
    spine = 170,
    height = 2 * spine;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t.board.fishbone}>
    <svg
      class="drawing tree"
      viewBox=${`0 0 ${width} ${height}`}
      style=${{ minWidth: "44rem", maxWidth: `${width * 1.2}px` }}
      role="img"
      aria-label=${`${t.board.fishbone}: ${bones
        .map(
          (bone) =>
            `${bone || t.board.unsorted}: ${
              hypotheses
                .filter((one) => (one.boundary || "") === bone)
                .map((one) => one.text)
                .join(", ") || t.none
            }`,
        )
        .join("; ")}`}
    >
      <line class="spine" x1="16" x2=${width - WIDTH - 14} y1=${spine} y2=${spine} />
      ${bones.map((bone, i) => {
        const up = i % 2 === 0,
          foot = (Math.floor(i / 2) + 1) * across,
          head = foot - 70,
          end = up ? 34 : height - 34;
        const own = hypotheses.filter((one) => (boundaries.includes(one.boundary) ? one.boundary : "") === bone).slice(0, 4);
        return html`<g class=${classes("bone", own.length && "used")}
          ><line x1=${head} y1=${end} x2=${foot} y2=${spine} /><text
            class="strong"
            x=${head}
            y=${up ? end - 12 : end + 22}
            text-anchor="middle"
            >${bone || t.board.unsorted}</text
          >
          ${own.map((one, n) => {
            const share = (n + 1) / (own.length + 1),
              y = end + (spine - end) * share,
              x = head + (foot - head) * share;
            return html`<g class=${classes("idea", one.state)}
              ><line x1=${x - 160} x2=${x} y1=${y} y2=${y} /><text x=${x - 158} y=${y - 5}>${folded(one.text, 23, 1)[0]}</text
              ><title>${one.text}</title></g
            >`;
          })}</g
        >`;
      })}
      <${Box} x=${width - WIDTH - 12} y=${spine - HEIGHT / 2} text=${symptom} isTop />
    </svg>
  </div>`;
}
