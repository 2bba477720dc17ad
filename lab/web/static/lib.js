// What the modules of the page use of the libraries, in one place.
import { createContext, h, render } from "./vendor/preact.js";
import htm from "./vendor/htm.js";

export { createContext, render };
export { useCallback, useContext, useEffect, useErrorBoundary, useId, useLayoutEffect, useMemo, useRef, useState } from "./vendor/hooks.js";

/** Markup as tagged text: values are put in as text, never as markup. */
export const html = htm.bind(h);

/** Class names that hold, joined. */
export const classes = (...names) => names.filter(Boolean).join(" ");
