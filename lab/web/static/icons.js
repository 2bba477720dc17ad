// Signs drawn here, so that no font has to have them.
import { html } from "./lib.js";

const SHAPES = {
  run: html`<path d="M4 2.5v11l9-5.5z" />`,
  pause: html`<path d="M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z" />`,
  next: html`<path d="M2 2.5v11l8-5.5zM11 2.5h2.6v11H11z" />`,
  pin: html`<path d="M5 1.5h6v1.3l-1 .8v3.6l2.2 1.9v1.3H8.7v4L8 15.2l-.7-.8v-4H3.8V9.1L6 7.2V3.6l-1-.8z" />`,
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">${SHAPES[name]}</svg>`;
}
