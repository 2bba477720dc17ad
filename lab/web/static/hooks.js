// State that comes from the server or from the address, kept current.
import { ApiError, get } from "./api.js";
import { useEffect, useRef, useState } from "./lib.js";

const SLOWEST_MS = 15_000;

/**
 * Asks for a path again and again. After a failure it waits twice as long each time, up to 15 s; a hidden tab asks every 5 s.
 * `lost` says that the last answer did not come; what came before stays.
 */
export function usePolled(path, every_ms = 1000) {
  const [state, set] = useState({ data: null, problem: null, lost: false, at: 0 });
  const again = useRef(() => {});
  useEffect(() => {
    if (!path) return undefined;
    let over = false,
      timer = 0,
      wait = every_ms,
      asked = 0;
    async function ask() {
      clearTimeout(timer);
      const mine = ++asked;
      try {
        const data = await get(path);
        if (over || mine !== asked) return;
        wait = every_ms;
        set({ data, problem: null, lost: false, at: performance.now() });
      } catch (error) {
        if (over || mine !== asked) return;
        wait = Math.min(2 * wait, SLOWEST_MS);
        const passes = !(error instanceof ApiError) || error.passes;
        set((old) => ({ ...old, lost: passes, problem: passes ? old.problem : error.problem }));
      }
      timer = setTimeout(ask, document.hidden ? Math.max(wait, 5000) : wait);
    }
    const seen = () => document.hidden || ask();
    again.current = ask;
    ask();
    document.addEventListener("visibilitychange", seen);
    addEventListener("online", ask);
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      removeEventListener("online", ask);
    };
  }, [path, every_ms]);
  return { ...state, refresh: () => again.current() };
}

const REMEMBERED_MS = 5000;
const answers = new Map();

/** The answer for a path in a version, for some seconds: parts of the page that ask for the same share one request. */
function shared(path, version) {
  if (!version) return get(path);
  const key = `${path} ${version}`;
  if (!answers.has(key)) {
    const answer = get(path);
    answers.set(key, answer);
    answer.catch(() => answers.delete(key));
    setTimeout(() => answers.delete(key), REMEMBERED_MS);
  }
  return answers.get(key);
}

/**
 * Asks for a path whenever it or `version` changes, one request at a time and always for the newest wish. Until the answer
 * is there, what was there before is still given, with `busy`.
 */
export function useLive(path, version = "") {
  const [state, set] = useState({ data: null, path: null, problem: null, busy: true });
  const box = useRef({ wanted: null, running: false, over: false, timer: 0 }).current;
  async function run() {
    if (box.running) return;
    box.running = true;
    while (box.wanted && !box.over) {
      const wish = box.wanted;
      box.wanted = null;
      set((old) => (old.busy ? old : { ...old, busy: true }));
      try {
        const data = await shared(wish.path, wish.version);
        if (!box.over) set({ data, path: wish.path, problem: null, busy: box.wanted !== null });
      } catch (error) {
        if (box.over) break;
        const passes = error instanceof ApiError && error.passes;
        set((old) => ({
          ...old,
          problem: error.problem || { what: String(error) },
          busy: passes,
          data: old.path === wish.path ? old.data : null,
        }));
        if (passes && !box.wanted)
          box.timer = setTimeout(() => {
            box.wanted ??= wish;
            run();
          }, 2000);
      }
    }
    box.running = false;
  }
  useEffect(() => {
    if (!path) return;
    clearTimeout(box.timer);
    box.wanted = { path, version };
    run();
  }, [path, version]);
  useEffect(() => {
    box.over = false;
    return () => {
      box.over = true;
      clearTimeout(box.timer);
    };
  }, []);
  return state;
}

/** The address after `#`: its path in parts, and its query. */
function address() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { parts: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(search) };
}

export function useRoute() {
  const [route, set] = useState(address),
    first = useRef(location.hash);
  useEffect(() => {
    const changed = () => set(address());
    addEventListener("hashchange", changed);
    if (location.hash !== first.current) changed(); // it may have changed before anybody listened
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

/**
 * Changes the query of the address, so that a reload and the back button keep what was chosen: in place, or as a step of its
 * own that the back button takes back.
 */
export function setQuery(changes, { isStep = false } = {}) {
  const { parts, query } = address();
  for (const [name, value] of Object.entries(changes)) {
    query.delete(name);
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "" && one !== false) query.append(name, one);
  }
  const text = query.toString();
  history[isStep ? "pushState" : "replaceState"](null, "", `#/${parts.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** State that outlives a reload, in this browser only. */
export function useKept(key, first) {
  const [value, set] = useState(() => {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? first;
    } catch {
      return first;
    }
  });
  return [
    value,
    (next) => {
      set((old) => {
        const now = typeof next === "function" ? next(old) : next;
        try {
          localStorage.setItem(key, JSON.stringify(now));
        } catch {
          // Storage may be full or forbidden: the page works without.
        }
        return now;
      });
    },
  ];
}

/**
 * Keeps the focus on the page: when what had it goes away, it goes to what is left around it, or else to the view. Else it
 * would be nowhere, and Tab would begin at the top again.
 */
export function useKeptFocus() {
  useEffect(() => {
    let path = [];
    const focused = (event) => {
      path = event.composedPath().filter((one) => one instanceof Element);
    };
    const pressed = () => {
      path = []; // whoever clicks beside everything takes the focus away
    };
    const changed = new MutationObserver(() => {
      if (!path.length || path[0].isConnected || document.activeElement !== document.body) return;
      const main = document.querySelector("main");
      if (!main) return; // it is still being loaded
      const left = path.find((one) => one.isConnected),
        next = left.contains(main) ? main : left;
      if (!next.hasAttribute("tabindex")) next.tabIndex = -1;
      next.focus({ preventScroll: true });
    });
    addEventListener("focusin", focused);
    addEventListener("pointerdown", pressed, { capture: true });
    changed.observe(document.body, { childList: true, subtree: true });
    return () => {
      removeEventListener("focusin", focused);
      removeEventListener("pointerdown", pressed, { capture: true });
      changed.disconnect();
    };
  }, []);
}

/** Whether a media query holds now. */
export function useMedia(text) {
  const [holds, set] = useState(() => matchMedia(text).matches);
  useEffect(() => {
    const list = matchMedia(text),
      changed = () => set(list.matches);
    list.addEventListener("change", changed);
    return () => list.removeEventListener("change", changed);
  }, [text]);
  return holds;
}
