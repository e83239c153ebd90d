"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);

  // Theme: what the system says, until the button says otherwise.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const theme = byId("theme");
  const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; theme.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`); };
  theme.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try { localStorage.setItem("cchatspec-theme", next); } catch { /* kept for this visit alone */ }
    nameTheme();
  });
  dark.addEventListener("change", nameTheme);
  nameTheme();

  // Details that were packed to keep the page small are unpacked when they are first opened.
  let packed;
  async function unpackAll() {
    const bytes = Uint8Array.from(atob(byId("packed").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }
  async function unpack(within) {
    for (const place of all("[data-packed]", within)) {
      const parts = await (packed ??= unpackAll());
      if (!place.hasAttribute("data-packed")) continue;
      place.innerHTML = parts[place.dataset.packed];
      place.removeAttribute("data-packed");
    }
  }
  document.addEventListener("toggle", (event) => { if (event.target.matches(".case[open]")) unpack(event.target); }, true);

  // Filters: by verdict, level, family and text. Holders of nothing that is shown are hidden too.
  const form = byId("filters");
  const items = all(".fil");
  const holders = all(".holder").reverse();
  const texts = new Map();
  const textOf = (item) => { if (!texts.has(item)) texts.set(item, `${item.id} ${item.dataset.t ?? ""} ${item.title} ${item.textContent}`.toLowerCase()); return texts.get(item); };
  function filter() {
    const verdicts = all("[name=verdict]:checked", form).map((box) => box.value);
    const [level, family] = [form.level.value, form.family.value];
    const words = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const any = verdicts.length || level || family || words.length;
    const fits = (item) => (!verdicts.length || verdicts.some((verdict) => item.dataset.v.split(" ").includes(verdict)))
      && (!level || item.dataset.l === level) && (!family || item.dataset.f === family)
      && words.every((word) => textOf(item).includes(word));
    for (const item of items) item.hidden = !fits(item);
    for (const holder of holders) {
      const mine = holder.querySelector(".fil") !== null;
      holder.hidden = mine && holder.querySelector(".fil:not([hidden])") === null;
      if (holder.matches("details.fam") && any && !holder.hidden) holder.open = true;
    }
    const cases = all("#traces .fil[data-case]");
    const left = cases.filter((item) => !item.hidden).length;
    byId("shown").textContent = any ? `${left} of ${cases.length} cases` : `${cases.length} cases`;
    byId("nothing").hidden = !any || items.some((item) => !item.hidden);
    byId("reset").hidden = !any;
  }
  if (form) {
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(filter));
    filter();
  }

  // Addresses: #LOGIN-BURN, #LOGIN-BURN/old-challenge. What is asked for is opened and shown.
  function go() {
    let name = location.hash.slice(1);
    try { name = decodeURIComponent(name); } catch { /* taken as it stands */ }
    const place = name && byId(name);
    if (!place) return;
    if (form && place.closest("[hidden]")) { form.reset(); filter(); }
    for (let node = place; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    all(".target").forEach((node) => node.classList.remove("target"));
    place.classList.add("target");
    const focus = place.tagName === "DETAILS" ? place.querySelector("summary") : place;
    if (focus === place && !place.hasAttribute("tabindex")) place.tabIndex = -1;
    focus.focus({ preventScroll: true });
    place.scrollIntoView({ block: "start", behavior: "instant" });
  }
  addEventListener("hashchange", go);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.getAttribute("href") === location.hash) go();
  });
  go();

  // Buttons: copy a command, the address of a case; open and close all failures.
  async function copy(text) {
    try { await navigator.clipboard.writeText(text); } catch {
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
    return true;
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (button?.matches(".copy")) {
      const before = button.textContent;
      button.textContent = (await copy(button.parentElement.querySelector("code").textContent)) ? "Copied" : "Not allowed";
      setTimeout(() => { button.textContent = before; }, 1500);
    } else if (button?.matches(".openall")) {
      const cases = all(".case", button.closest("section"));
      const open = cases.some((item) => !item.open);
      cases.forEach((item) => { item.open = open; });
    }
  });

  // On paper everything that broke is open.
  let closed = [];
  addEventListener("beforeprint", () => { closed = all(".case:not([open]), .report:not([open])"); closed.forEach((item) => { item.open = true; }); });
  addEventListener("afterprint", () => { closed.forEach((item) => { item.open = false; }); });
})();
