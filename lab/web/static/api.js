// Requests to the server. Every answer is JSON; every problem becomes an ApiError that says what, seen, expected, hint.
import { t } from "./texts.js";

export const ROOT = "/api/v1";
let csrf = "";

export class ApiError extends Error {
  /** @param {number} status of the answer; 0 where none came. */
  constructor(status, problem) {
    super(problem.what);
    this.status = status;
    this.problem = problem;
  }

  /** Whether asking again later may help. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** What changing requests prove that they come from this page with; `/me` tells it. */
export function remember(token) {
  csrf = token || "";
}

/** The query as text; lists repeat their name, and what is empty is left out. */
export function query(values) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") pairs.append(name, one);
  }
  const text = pairs.toString();
  return text ? `?${text}` : "";
}

async function ask(method, path, body, read) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch {
    throw new ApiError(0, { what: t.problems.unreachable, hint: t.problems.unreachableHint });
  }
  if (answer.ok) return answer.status === 204 ? null : answer[read]();
  let problem = null;
  try {
    problem = (await answer.json()).problem;
  } catch {
    // The answer is of something else than the API, such as a proxy.
  }
  throw new ApiError(answer.status, problem || { what: t.problems.status(answer.status), hint: "" });
}

export const get = (path) => ask("GET", path, undefined, "json");
export const getText = (path) => ask("GET", path, undefined, "text");
export const send = (method, path, body) => ask(method, path, body, "json");
