// The system as a drawing: people, components and links where the server placed them, marked by health.
import { classes, html } from "./lib.js";
import { t } from "./texts.js";

const WIDTH = 152,
  HEIGHT = 44,
  ACROSS = 224,
  DOWN = 60,
  EDGE = 16,
  AROUND = 34;
export const SIGNS = { ok: "✓", warn: "!", bad: "✗", unknown: "?" };

function placed(system) {
  const rows = Math.max(1, ...system.components.map((one) => one.row + 1)),
    columns = Math.max(1, ...system.components.map((one) => one.column + 1));
  const room = system.components.some((one) => one.needs.length) ? AROUND : 0; // for arrows around jobs
  const at = new Map(system.components.map((one) => [one.name, { x: EDGE + room + one.column * ACROSS, y: EDGE + one.row * DOWN }]));
  return { at, width: 2 * EDGE + room + (columns - 1) * ACROSS + WIDTH, height: 2 * EDGE + (rows - 1) * DOWN + HEIGHT };
}

function way(from, to) {
  if (from.x === to.x) {
    const side = from.x + WIDTH,
      bulge = side + 34;
    return `M${side} ${from.y + HEIGHT / 2}C${bulge} ${from.y + HEIGHT / 2} ${bulge} ${to.y + HEIGHT / 2} ${side + 5} ${to.y + HEIGHT / 2}`;
  }
  const right = to.x > from.x;
  const x1 = right ? from.x + WIDTH : from.x,
    x2 = right ? to.x - 6 : to.x + WIDTH + 6,
    bend = (x2 - x1) * 0.45;
  return `M${x1} ${from.y + HEIGHT / 2}C${x1 + bend} ${from.y + HEIGHT / 2} ${x2 - bend} ${to.y + HEIGHT / 2} ${x2} ${to.y + HEIGHT / 2}`;
}

/** From a job to one that needs it: down to the next one, else around at the left. */
function wait(from, to) {
  if (from.x === to.x && to.y > from.y && to.y - from.y <= DOWN) return `M${from.x + WIDTH / 2} ${from.y + HEIGHT}V${to.y - 4}`;
  const out = Math.min(from.x, to.x) - AROUND;
  return `M${from.x} ${from.y + HEIGHT / 2}C${out} ${from.y + HEIGHT / 2} ${out} ${to.y + HEIGHT / 2} ${to.x - 5} ${to.y + HEIGHT / 2}`;
}

/** What a component is, as long as its box is wide. */
function described({ kind, runtime }) {
  const text = runtime && runtime !== kind ? `${kind}, ${runtime}` : kind;
  return text.length > 25 ? `${text.slice(0, 24)}…` : text;
}

const state = (one) => one.health?.state || "unknown";
const spoken = (one) => `${one.name}: ${t.graph.states[state(one)]}${one.health?.why ? `, ${one.health.why}` : ""}`;

/** Nodes and links can be chosen by pointer and by key; `onChoose` gets the name. */
export function Graph({ system, chosen, onChoose }) {
  const { at, width, height } = placed(system);
  const acts = (name) => ({
    tabindex: 0,
    role: "button",
    "aria-pressed": chosen === name,
    onClick: () => onChoose(name),
    onKeyDown: (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        onChoose(name);
      }
    },
  });
  const waits = system.components.flatMap((one) => one.needs.filter((needed) => at.has(needed)).map((needed) => [needed, one.name]));
  const links = system.links.filter((one) => at.has(one.caller) && at.has(one.callee));
  return html`<div class="scroll" tabindex="-1">
    <svg class="drawing graph" viewBox=${`0 0 ${width} ${height}`} role="group" aria-label=${t.graph.title}>
      <defs>
        ${["ok", "warn", "bad", "unknown", "chosen"].map((kind) => html`<marker key=${kind} id=${`tip-${kind}`} viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path class=${`tip ${kind}`} d="M0 0L8 4L0 8z" /></marker>`)}
      </defs>
      ${links.map(
        (link) =>
          html`<g
            key=${link.name}
            class=${classes("link", state(link), chosen === link.name && "chosen")}
            ...${acts(link.name)}
            aria-label=${spoken(link)}
          >
            <path class="touch" d=${way(at.get(link.caller), at.get(link.callee))} /><path
              class="line"
              marker-end=${`url(#tip-${chosen === link.name ? "chosen" : state(link)})`}
              d=${way(at.get(link.caller), at.get(link.callee))}
          /></g>`,
      )}
      ${waits.map(([needed, name]) => html`<path key=${`${needed} ${name}`} class="needs" d=${wait(at.get(needed), at.get(name))} marker-end="url(#tip-unknown)"><title>${t.graph.needs(name, needed)}</title></path>`)}
      ${system.components.map((one) => {
        const { x, y } = at.get(one.name);
        return html`<g
          key=${one.name}
          class=${classes("node", state(one), `kind-${one.kind}`, chosen === one.name && "chosen")}
          ...${acts(one.name)}
          aria-label=${spoken(one)}
        >
          <rect x=${x} y=${y} width=${WIDTH} height=${HEIGHT} rx=${one.kind === "users" ? HEIGHT / 2 : 8} />
          <text class="name" x=${x + WIDTH / 2} y=${y + 20} text-anchor="middle">${one.name}</text>
          <text class="kind" x=${x + WIDTH / 2} y=${y + 35} text-anchor="middle">${described(one)}</text>
          ${state(one) !== "unknown" && html`<g class="sign"><circle cx=${x + WIDTH - 4} cy=${y + 4} r="8" /><text x=${x + WIDTH - 4} y=${y + 8} text-anchor="middle">${SIGNS[state(one)]}</text></g>`}</g
        >`;
      })}
    </svg>
  </div>`;
}
