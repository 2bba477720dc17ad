// The session that a page shows: polled once, shared by all views.
import { ROOT, send } from "./api.js";
import { usePolled } from "./hooks.js";
import { createContext, useContext, useEffect, useMemo, useState } from "./lib.js";
import { useToast } from "./parts.js";

export const SessionContext = createContext(null);
/** The session: `session` as polled, `base` of its addresses, `version` of what can be seen, `act` to change it, `now()`. */
export const useSession = () => useContext(SessionContext);

export function usePolledSession(id) {
  const base = `${ROOT}/sessions/${encodeURIComponent(id)}`;
  const polled = usePolled(base, 1000);
  const toast = useToast();
  const session = polled.data;
  const seen = session?.clock ? `${session.clock.as_of_s}/${session.actions?.length ?? 0}/${session.status}` : "";
  return useMemo(
    () => ({
      id,
      base,
      session,
      lost: polled.lost,
      problem: polled.problem,
      version: seen,
      isOpen: ["ready", "acting"].includes(session?.status),
      isDone: ["answered", "released"].includes(session?.status),
      /** Where the clock should be by now, between two answers of the server. */
      now() {
        const clock = session?.clock;
        if (!clock) return 0;
        const since_s = clock.is_paused || session.status === "acting" ? 0 : (performance.now() - polled.at) / 1000;
        return Math.min(clock.end_s, clock.now_s + Math.min(since_s, 2) * clock.speed);
      },
      /** Sends a change, says what went wrong, and asks for the session anew. Gives the answer, or undefined. */
      async act(method, path, body) {
        try {
          const answer = await send(method, base + path, body);
          polled.refresh();
          return answer ?? {};
        } catch (error) {
          toast(error);
          polled.refresh();
          return undefined;
        }
      },
    }),
    [session, polled.lost, polled.problem, seen],
  );
}

/** The session's time, several times a second, while it runs. */
export function useNow(context) {
  const [now, set] = useState(context.now());
  const { session } = context;
  useEffect(() => {
    set(context.now());
    if (!session?.clock || session.clock.is_paused) return undefined;
    const timer = setInterval(() => set(context.now()), 250);
    return () => clearInterval(timer);
  }, [context]);
  return now;
}
