// Pinning: any chart, trace, log line, alert, change or distribution becomes evidence on the board.
import { useLive } from "./hooks.js";
import { Icon } from "./icons.js";
import { createContext, html, useContext, useState } from "./lib.js";
import { Choice, Dialog, Field, Toggle, useToast } from "./parts.js";
import { useSession } from "./session.js";
import { t } from "./texts.js";

const Pinning = createContext(() => {});

const BoardContext = createContext(null);
const EMPTY = { hypotheses: [], pins: [], notes: [], whys: [] };

/** The board, as it is now: `{hypotheses, pins, notes, whys}`. */
export const useBoard = () => useContext(BoardContext);

function PinDialog({ what, onClose }) {
  const { act } = useSession();
  const { hypotheses } = useBoard();
  const toast = useToast();
  const [chosen, choose] = useState(hypotheses.at(-1)?.id || "");
  const [fresh, setFresh] = useState(""),
    [stance, setStance] = useState("for"),
    [text, setText] = useState(what.text);
  async function pin(event) {
    event.preventDefault();
    let hypothesis = chosen || null;
    if (fresh.trim()) hypothesis = (await act("POST", "/board/hypotheses", { text: fresh.trim() }))?.id ?? null;
    if (
      await act("POST", "/board/pins", {
        hypothesis,
        stance,
        kind: what.kind,
        ref: what.of,
        text,
        ...(what.at_s === undefined ? {} : { at_s: what.at_s }),
      })
    ) {
      toast(t.pin.done);
      onClose();
    }
  }
  return html`<${Dialog} title=${t.pin.title} onClose=${onClose}
    ><form class="stack tight" onSubmit=${pin}>
      <${Field} label=${t.pin.text}>
        <textarea rows="2" name="text" value=${text} maxlength="500" onInput=${(event) => setText(event.target.value)}></textarea>
      <//>
      <${Toggle} label=${t.pin.stance} value=${stance} onChange=${setStance} options=${Object.entries(t.board.stances)} />
      <${Choice}
        label=${t.pin.to}
        value=${chosen}
        empty=${t.pin.none}
        options=${hypotheses.map((one) => [one.id, one.text])}
        onChange=${choose}
      />
      <${Field} label=${t.pin.fresh}
        ><input
          name="hypothesis"
          value=${fresh}
          maxlength="300"
          placeholder=${t.board.placeholder}
          onInput=${(event) => setFresh(event.target.value)}
      /><//>
      <p class="small quiet">${isCitable({ kind: what.kind, ref: what.of }) ? t.pin.citableDoc : t.pin.notCitableDoc}</p>
      <div class="row"><button class="primary">${t.pin.pin}</button><button type="button" onClick=${onClose}>${t.cancel}</button></div>
    </form><//
  >`;
}

/** What can be pinned from, and what knows the board. */
export function PinArea({ children }) {
  const { base, session } = useSession();
  const [what, set] = useState(null);
  const board = useLive(session && session.status !== "preparing" ? `${base}/board` : null, session?.board_version);
  return html`<${BoardContext.Provider} value=${board.data || EMPTY}
    ><${Pinning.Provider} value=${set}>${children}${what && html`<${PinDialog} what=${what} onClose=${() => set(null)} />`}<//><//
  >`;
}

/** Whether an answer can cite a pin as evidence: it cites signals. */
export const isCitable = ({ kind, ref }) => kind === "chart" && Boolean(ref?.signal && ref.subject && !ref.is_raw);

/** A button that pins something: `kind`, `of` (enough to find it again), the words that it is pinned with. */
export function Pin({ kind, of, text, at_s, label }) {
  const open = useContext(Pinning);
  return html`<button
    type="button"
    class="pin"
    onClick=${() => open({ kind, of, text: text.slice(0, 500), at_s })}
    aria-label=${t.pin.of(text)}
    title=${t.pin.title}
  >
    <${Icon} name="pin" /> ${label || t.pin.pin}
  </button>`;
}

/** Where something that was pinned can be seen again. */
export function pinAddress(session, { kind, ref = {} }) {
  const to = (tab, query = {}) => `#/session/${encodeURIComponent(session)}/${tab}?${new URLSearchParams(query)}`;
  if (kind === "chart") return ref.signal ? to("signals", { of: `${ref.signal}:${ref.subject}` }) : to("overview");
  if (kind === "trace") return to("traces", { id: ref.trace_id || "" });
  if (kind === "log") return ref.trace_id ? to("logs", { trace_id: ref.trace_id }) : to("logs", { service: ref.service || "" });
  if (kind === "distribution") return to("data", { table: ref.table || "", column: ref.column || "" });
  return to("overview");
}
