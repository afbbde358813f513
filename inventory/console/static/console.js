// What a page cannot do by itself: say that it is not up to date any more. All else can be done without scripts.
"use strict";

// Longer than it takes a browser to come again, which each does every few minutes.
const PATIENCE_MS = 3000;

let stale = null;

const away = () => {
  stale ??= setTimeout(() => document.body.classList.add("stale"), PATIENCE_MS);
};

const here = () => {
  clearTimeout(stale);
  stale = null;
  document.body.classList.remove("stale");
};

for (const sign of ["htmx:responseError", "htmx:sendError", "htmx:sseError"]) document.addEventListener(sign, away);
for (const sign of ["htmx:afterOnLoad", "htmx:sseOpen"]) document.addEventListener(sign, here);
