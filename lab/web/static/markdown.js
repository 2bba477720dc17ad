// The part of Markdown that post-mortems use, made into elements: nothing of the text is ever taken as markup of the page.
import { html } from "./lib.js";

const INLINE = /(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*|(?<![\w_])_[^_\s][^_]*_(?!\w))/;

// What stands behind a backslash is text: it is set aside, out of sight of every pattern, until it is shown.
const ASIDE = 0xe000;
const aside = (line) => line.replace(/\\([!-/:-@[-`{-~])/g, (_, sign) => String.fromCharCode(ASIDE + sign.charCodeAt(0)));
const shown = (text) => text.replace(/[\ue021-\ue07e]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) - ASIDE));

function inline(text) {
  return text.split(INLINE).map((part) => {
    if (part.length > 2 && part.startsWith("`")) return html`<code>${shown(part.slice(1, -1))}</code>`;
    if (part.length > 4 && part.startsWith("**")) return html`<b>${shown(part.slice(2, -2))}</b>`;
    if (part.length > 2 && (part.startsWith("*") || part.startsWith("_")) && part.at(-1) === part[0])
      return html`<em>${shown(part.slice(1, -1))}</em>`;
    return shown(part);
  });
}

const cells = (line) =>
  line
    .replace(/^\s*\||\|\s*$/g, "")
    .split("|")
    .map((cell) => cell.trim());

function block(lines) {
  const [first] = lines;
  const heading = /^(#{1,4})\s+(.*)/.exec(first);
  if (heading)
    return [
      html`<${`h${Math.min(4, heading[1].length + 1)}`}>${inline(heading[2])}<//>`,
      ...(lines.length > 1 ? [block(lines.slice(1))] : []),
    ];
  if (lines.length > 1 && /^\s*\|?[\s:|-]+\|[\s:|-]*$/.test(lines[1])) {
    return html`<div class="scroll">
      <table class="table">
        <thead>
          <tr>
            ${cells(first).map((cell) => html`<th>${inline(cell)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${lines.slice(2).map(
            (line) =>
              html`<tr>
                ${cells(line).map((cell) => html`<td>${inline(cell)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }
  const bullet = /^\s*[-*]\s+/,
    number = /^\s*\d+[.)]\s+/;
  for (const [tag, mark] of [
    ["ul", bullet],
    ["ol", number],
  ]) {
    if (mark.test(first)) {
      const items = [];
      for (const line of lines) mark.test(line) ? items.push(line.replace(mark, "")) : (items[items.length - 1] += ` ${line.trim()}`);
      return html`<${tag}
        >${items.map((item) => {
          const task = /^\[([ x])\]\s*/.exec(item);
          return html`<li>
            ${task && html`<input type="checkbox" disabled checked=${task[1] === "x"} /> `}${inline(task ? item.slice(task[0].length) : item)}
          </li>`;
        })}<//
      >`;
    }
  }
  if (first.startsWith(">")) return html`<blockquote>${inline(lines.map((line) => line.replace(/^>\s?/, "")).join(" "))}</blockquote>`;
  if (/^-{3,}$/.test(first.trim())) return html`<hr />`;
  return html`<p>${inline(lines.join(" "))}</p>`;
}

/** Headings, lists, tables, quotes, code and emphasis; anything else stays text. */
export function markdown(text) {
  const blocks = [];
  let lines = [],
    fenced = null;
  const close = () => {
    if (lines.length) blocks.push(block(lines));
    lines = [];
  };
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) {
      if (fenced) {
        blocks.push(html`<pre>${fenced.join("\n")}</pre>`);
        fenced = null;
      } else {
        close();
        fenced = [];
      }
    } else if (fenced) fenced.push(line);
    else if (line.startsWith("<!--")) close();
    else if (!line.trim()) close();
    else {
      if (/^#{1,4}\s/.test(line)) close();
      lines.push(aside(line));
      if (/^#{1,4}\s/.test(line)) close();
    }
  }
  if (fenced) blocks.push(html`<pre>${fenced.join("\n")}</pre>`);
  close();
  return blocks;
}
