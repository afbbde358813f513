// What a page cannot do by itself: say that it is not up to date any more, and draw how loud a recording is along the way.
// All else can be done without scripts.
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

const BARS = 240; // Three pixels each on a tablet.

const RATE = 16000; // Samples a second of a recording.

// Browsers decode FLAC: the machine of the inventory needs no library for sound.
const draw = async (wave) => {
  const answer = await fetch(wave.dataset.of);
  if (!answer.ok) return;
  const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await answer.arrayBuffer());
  const samples = sound.getChannelData(0).map(Math.abs);
  const width = Math.ceil(samples.length / BARS);
  const loud = Array.from({ length: BARS }, (_, bar) => Math.max(0, ...samples.subarray(bar * width, (bar + 1) * width)));
  const most = Math.max(...loud);
  if (most === 0) return;
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", loud.map((one, bar) => `M${bar} ${50 - (50 * one) / most}v${(100 * one) / most}`).join(""));
  wave.setAttribute("viewBox", `0 0 ${BARS} 100`);
  wave.replaceChildren(path);
};

document.addEventListener("htmx:load", (event) => event.detail.elt.querySelectorAll(".wave:empty").forEach(draw));
