// Makes pages live: relative times, copying, and parts that are read again when something
// changed. Pages are complete without it.
"use strict";
(() => {
  const words = document.body.dataset;
  let skew = 0;

  const ago = (seconds) => {
    if (seconds < 5) return words.now;
    if (seconds < 120) return `${Math.floor(seconds)} ${words.s}`;
    if (seconds < 7200) return `${Math.floor(seconds / 60)} ${words.min}`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} ${words.h}`;
    return `${Math.floor(seconds / 86400)} ${words.d}`;
  };

  const tick = () => {
    const now = Date.now() + skew;
    for (const time of document.querySelectorAll("time[datetime]")) {
      const seconds = (now - Date.parse(time.dateTime)) / 1000;
      if (seconds >= 0) {
        const text = ago(seconds);
        if (time.textContent !== text) time.textContent = text;
      }
    }
  };

  const addCopy = (root) => {
    if (!navigator.clipboard) return;
    for (const name of root.querySelectorAll("[data-copy]:not(body)")) {
      if (name.querySelector("button")) continue;
      const text = name.textContent.trim();
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = words.copy;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(text);
        button.textContent = words.copied;
        setTimeout(() => { button.textContent = words.copy; }, 1500);
      });
      name.append(" ", button);
    }
  };

  // Replaces the parts of this page that differ from a fresh copy of it.
  const refresh = async () => {
    const response = await fetch(location.href, { headers: { accept: "text/html" } });
    const date = response.headers.get("date");
    if (date) skew = Date.parse(date) - Date.now();
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const parts = [...document.querySelectorAll("[data-live]")];
    if (parts.some((part) => part.hasAttribute("data-reload") && !fresh.querySelector(`#${part.id}[data-reload]`))) {
      location.reload();
      return;
    }
    for (const part of parts) {
      const other = fresh.getElementById(part.id);
      if (!other) { if (part.id === "behind") part.remove(); continue; }
      const open = [...part.querySelectorAll("details")].map((it) => it.open);
      const before = part.cloneNode(true);
      before.querySelectorAll("button.copy").forEach((it) => it.remove());
      const plain = (node) => node.innerHTML.replace(/<time[^>]*>[^<]*/g, "").replace(/ open=""/g, "").replace(/\s+/g, " ");
      if (plain(before) === plain(other) || part.contains(document.activeElement) && document.activeElement.matches("input,button")) continue;
      const strip = part.querySelector(".strip");
      const left = strip ? strip.scrollLeft : 0;
      part.innerHTML = other.innerHTML;
      part.querySelectorAll("details").forEach((it, i) => { it.open = open[i] || false; });
      if (strip) part.querySelector(".strip").scrollLeft = left;
      part.classList.add("changed");
      setTimeout(() => part.classList.remove("changed"), 600);
    }
    addCopy(document);
    tick();
  };

  let waiting = false;
  let running = false;
  let paused = false;
  let missed = false;
  const changed = async () => {
    if (paused || document.hidden) { missed = true; return; }
    if (running) { waiting = true; return; }
    running = true;
    try { await refresh(); } catch { /* the next event tries again */ }
    setTimeout(() => { running = false; if (waiting) { waiting = false; changed(); } }, 400);
  };

  const listen = () => {
    if (!document.querySelector("[data-live]")) return;
    const live = document.querySelector(".live");
    const source = new EventSource("/v1/events");
    source.onopen = () => { live.hidden = false; live.classList.add("on"); if (missed) { missed = false; changed(); } };
    source.onerror = () => { live.classList.remove("on"); missed = true; };
    for (const name of ["tip", "reorg", "mempool", "resync"]) source.addEventListener(name, changed);
    const button = document.getElementById("pause");
    button.addEventListener("click", () => {
      paused = !paused;
      button.textContent = paused ? words.resume : words.pause;
      live.classList.toggle("on", !paused);
      if (!paused && missed) { missed = false; changed(); }
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && missed) { missed = false; changed(); }
    });
    addEventListener("pagehide", () => source.close());
  };

  addEventListener("keydown", (event) => {
    const typing = event.target.matches("input,textarea");
    const search = document.getElementById("q");
    if (event.key === "/" && !typing || event.key === "k" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
      const link = rel && !event.target.closest(".strip") && document.querySelector(`a[rel=${rel}]`);
      if (link) link.click();
    }
  });

  addCopy(document);
  tick();
  setInterval(tick, 1000);
  listen();
})();
