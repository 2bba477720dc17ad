// Which colour a series has: the same in every view of a session, also after a reload and beside other series.
import { COLOURS } from "./chart.js";

const given = new Map();

function kept(session) {
  if (!given.has(session)) {
    let known = {};
    try {
      known = JSON.parse(localStorage.getItem(`colours/${session}`)) ?? {};
    } catch {
      // Storage may be full or forbidden: colours last until the reload then.
    }
    given.set(session, known);
  }
  return given.get(session);
}

/** The colours of series that are shown together, by their names; no two are alike while there are enough. */
export function coloursOf(session, names) {
  const known = kept(session),
    used = new Set(),
    fresh = [];
  for (const name of names) {
    if (known[name] === undefined || used.has(known[name])) fresh.push(name);
    else used.add(known[name]);
  }
  for (const name of fresh) {
    const free = [...Array(COLOURS).keys()].filter((colour) => !used.has(colour));
    const often = (colour) => Object.values(known).filter((other) => other === colour).length;
    known[name] = free.sort((one, other) => often(one) - often(other) || one - other)[0] ?? 0;
    used.add(known[name]);
  }
  if (fresh.length) {
    try {
      localStorage.setItem(`colours/${session}`, JSON.stringify(known));
    } catch {
      // The same.
    }
  }
  return names.map((name) => known[name]);
}
