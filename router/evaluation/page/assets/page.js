"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);

  // Selection: what belongs to another policy, target or metric is hidden on screen, never on paper.
  const selects = { policy: one("policy"), target: one("target"), metric: one("metric") };
  function select() {
    const chosen = Object.entries(selects).filter(([, control]) => control);
    for (const view of all(".view")) {
      const other = chosen.some(([name, control]) => view.dataset[name] !== undefined && view.dataset[name] !== control.value);
      view.classList.toggle("on", !other);
    }
    for (const row of all("[data-row-target]")) {
      const mine = row.dataset.rowPolicy === selects.policy?.value && row.dataset.rowTarget === selects.target?.value;
      row.classList.toggle("chosen", mine);
    }
    hideTip();
  }
  for (const control of Object.values(selects)) control?.addEventListener("change", select);

  // Theme: the system's until a button says otherwise.
  const theme = one("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const showTheme = () => theme.setAttribute("aria-pressed", String(isDark()));
  theme.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try { localStorage.setItem("codec-router-theme", next); } catch { /* storage may be closed to files */ }
    showTheme();
  });
  system.addEventListener("change", showTheme);
  showTheme();

  // Sorting: a button in each heading. Rows that sum up others stay on top.
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    const number = Number.parseFloat(text.replace(/\u2212/g, "-").replace(/,/g, ""));
    return cell.tagName === "TH" || Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) => {
    if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
    return typeof a === "number" ? -1 : 1;
  };
  for (const table of all("table.sortable")) {
    const headings = all("thead th", table);
    headings.forEach((heading, column) => {
      if (heading.hasAttribute("data-unsorted") || heading.textContent === "interval") return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const order = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
        for (const other of headings) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const rows = [...table.tBodies[0].rows];
        const summed = rows.filter((row) => row.classList.contains("pooled"));
        const rest = rows.filter((row) => !row.classList.contains("pooled"));
        const known = rest.filter((row) => !["", "\u2013"].includes(valueOf(row, column)));
        const unknown = rest.filter((row) => !known.includes(row));
        known.sort((a, b) => sign * compare(valueOf(a, column), valueOf(b, column)));
        table.tBodies[0].append(...summed, ...known, ...unknown);
      });
    });
  }

  // Tooltips: by pointer, or arrow keys within a figure that has the focus. Without scripts the titles serve.
  const tip = one("tip");
  let current = null;
  function hideTip() {
    current?.classList.remove("at");
    current = null;
    tip.hidden = true;
  }
  function showTip(mark, x, y) {
    if (current !== mark) {
      hideTip();
      current = mark;
      mark.classList.add("at");
      tip.textContent = mark.dataset.tip;
      tip.hidden = false;
    }
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(4, x - box.width / 2), document.documentElement.clientWidth - box.width - 4);
    tip.style.left = `${left}px`;
    tip.style.top = `${y - box.height - 10 < 4 ? y + 14 : y - box.height - 10}px`;
  }
  for (const chart of all("svg.chart")) {
    const marks = all(".mark", chart);
    if (!marks.length) continue;
    for (const mark of marks) {
      const title = mark.querySelector("title");
      mark.dataset.tip = title.textContent;
      title.remove();
      mark.addEventListener("pointermove", (event) => showTip(mark, event.clientX, event.clientY));
      mark.addEventListener("pointerleave", hideTip);
    }
    chart.setAttribute("tabindex", "0");
    const go = (mark) => {
      const box = mark.getBoundingClientRect();
      showTip(mark, box.left + box.width / 2, box.top);
    };
    chart.addEventListener("focus", () => { if (chart.matches(":focus-visible")) go(marks[0]); });
    chart.addEventListener("blur", hideTip);
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") hideTip();
      if (!step) return;
      event.preventDefault();
      const place = marks.indexOf(current);
      go(marks[(place + step + marks.length) % marks.length]);
    });
  }
  addEventListener("scroll", hideTip, { passive: true });

  // Magnification: three views of one case that move together.
  const lens = one("lens");
  const panes = lens.querySelector(".lens-panes");
  const steps = [0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16];
  const view = { zoom: 2, x: 0, y: 0, case: null, opener: null };
  const size = (name) => Number(view.case.dataset[name]);
  const within = (place, length, room) => (length * view.zoom <= room ? length / 2 : Math.min(Math.max(place, room / 2 / view.zoom), length - room / 2 / view.zoom));
  function draw() {
    const room = panes.querySelector(".crop").getBoundingClientRect();
    view.x = within(view.x, size("width"), room.width);
    view.y = within(view.y, size("height"), room.height);
    for (const crop of all(".crop", panes)) {
      const box = crop.getBoundingClientRect();
      const sheet = crop.querySelector(".sheet");
      sheet.style.width = `${size("width") * view.zoom}px`;
      sheet.style.height = `${size("height") * view.zoom}px`;
      sheet.style.transform = `translate(${Math.round(box.width / 2 - view.x * view.zoom)}px, ${Math.round(box.height / 2 - view.y * view.zoom)}px)`;
    }
    one("lens-zoom").value = `${view.zoom}\u00d7`;
  }
  function move(dx, dy) {
    view.x += dx;
    view.y += dy;
    draw();
  }
  function magnify(by) {
    const place = steps.findIndex((step) => step >= view.zoom);
    view.zoom = steps[Math.min(Math.max(0, place + by), steps.length - 1)];
    draw();
  }
  function centre() {
    view.x = size("x");
    view.y = size("y");
    draw();
  }
  function open(article, opener) {
    view.case = article;
    view.opener = opener;
    one("lens-title").textContent = article.querySelector("h3").textContent;
    panes.replaceChildren(...all("figure", article).map((figure) => {
      const copy = figure.cloneNode(true);
      const sheet = document.createElement("div");
      const crop = copy.querySelector(".crop");
      sheet.className = "sheet";
      sheet.append(...crop.childNodes);
      crop.append(sheet);
      crop.removeAttribute("style");
      return copy;
    }));
    lens.showModal();
    panes.focus();
    const room = panes.querySelector(".crop").getBoundingClientRect();
    const fit = Math.min(room.width, room.height) / size("square");
    view.zoom = Math.max(...steps.filter((step) => step <= Math.max(fit, 1)));
    centre();
  }
  for (const article of all(".case")) {
    const button = article.querySelector(".magnify");
    button.addEventListener("click", () => open(article, button));
    for (const crop of all(".crop", article)) crop.addEventListener("click", () => open(article, button));
  }
  const actions = { in: () => magnify(1), out: () => magnify(-1), centre, close: () => lens.close() };
  for (const button of all("[data-lens]", lens)) button.addEventListener("click", actions[button.dataset.lens]);
  lens.addEventListener("close", () => { panes.replaceChildren(); view.opener?.focus(); });
  panes.addEventListener("keydown", (event) => {
    const px = 24 / view.zoom;
    const keys = {
      ArrowLeft: () => move(-px, 0), ArrowRight: () => move(px, 0), ArrowUp: () => move(0, -px), ArrowDown: () => move(0, px),
      "+": () => magnify(1), "=": () => magnify(1), "-": () => magnify(-1), 0: centre,
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  panes.addEventListener("wheel", (event) => { event.preventDefault(); magnify(event.deltaY < 0 ? 1 : -1); }, { passive: false });
  panes.addEventListener("pointerdown", (event) => { event.preventDefault(); panes.focus(); panes.setPointerCapture(event.pointerId); });
  panes.addEventListener("pointermove", (event) => {
    if (panes.hasPointerCapture(event.pointerId)) move(-event.movementX / view.zoom, -event.movementY / view.zoom);
  });
  addEventListener("resize", () => { if (lens.open) draw(); });
  addEventListener("pageshow", select);
  select();
})();
