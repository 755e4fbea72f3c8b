"use strict";
// The report is complete without this script, which opens, sorts, filters and highlights.
const all = (selector, from = document) => [...from.querySelectorAll(selector)];

// Links and addresses open the sections that contain their target.
function reveal(id) {
  const target = id && document.getElementById(id);
  if (!target) return;
  for (let place = target; place; place = place.parentElement) if (place.tagName === "DETAILS") place.open = true;
  target.scrollIntoView();
}
function target(hash) {
  try { return decodeURIComponent(hash.slice(1)); } catch { return ""; }
}
addEventListener("hashchange", () => reveal(target(location.hash)));
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (link) reveal(target(link.hash));
});

// Everything is printed, or the first page alone: ?pages=first
const pages = new URLSearchParams(location.search).get("pages");
if (pages === "first") document.body.classList.add("first-page-only");
const openAll = (open) => all("details").forEach((section) => (section.open = open));
if (pages === "all") openAll(true);
let closed = [];
addEventListener("beforeprint", () => {
  closed = all("details:not([open])");
  openAll(true);
});
addEventListener("afterprint", () => closed.forEach((section) => (section.open = false)));

const toggle = document.getElementById("open-all");
toggle.addEventListener("click", () => {
  const open = toggle.getAttribute("aria-pressed") !== "true";
  toggle.setAttribute("aria-pressed", open);
  toggle.textContent = open ? "Close all sections" : "Open all sections";
  openAll(open);
});

// Theme: that of the system until another one is chosen.
const root = document.documentElement, theme = document.getElementById("theme");
const remembered = (value) => {
  try {
    if (value) localStorage.setItem("rotators.theme", value);
    return localStorage.getItem("rotators.theme");
  } catch { return null; }
};
if (remembered()) root.dataset.theme = remembered();
theme.addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remembered(root.dataset.theme);
});

// Tables: sorting by a click on a heading, and a filter for long ones.
const number = (text) => (text === "" ? NaN : Number(text));
function compare(a, b, numeric) {
  if (!numeric) return a.localeCompare(b, "en", { numeric: true });
  const [x, y] = [number(a), number(b)];
  return Number.isNaN(x) ? (Number.isNaN(y) ? 0 : 1) : Number.isNaN(y) ? -1 : x - y;
}
for (const table of all("table")) {
  const body = table.tBodies[0], heads = all("th", table);
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      const numeric = head.classList.contains("number");
      const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const rows = [...body.rows].sort((a, b) => {
        const order = compare(key(a), key(b), numeric);
        const missing = numeric && (key(a) === "" || key(b) === "");
        return ascending || missing ? order : -order;
      });
      body.append(...rows);
    });
  });
  const filter = table.closest("figure").querySelector(".filter input");
  filter?.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}
const observeWidth = new ResizeObserver((entries) => {
  for (const { target } of entries) target.classList.toggle("scrolls", target.scrollWidth > target.clientWidth + 1);
});
all(".scroll").forEach((box) => observeWidth.observe(box));

// The gallery: search and order.
for (const gallery of all(".gallery")) {
  const list = gallery.querySelector(".cards"), shown = gallery.querySelector("[role=status]");
  const search = gallery.querySelector("input"), order = gallery.querySelector("select");
  const update = () => {
    const [key, direction] = order.value.split(" ");
    const cards = [...list.children].sort((a, b) => {
      const [x, y] = [a.dataset[key], b.dataset[key]], order = compare(x, y, true);
      return direction === "up" || x === "" || y === "" ? order : -order;
    });
    const wanted = search.value.toLowerCase().split(/\s+/);
    for (const card of cards) card.hidden = !wanted.every((word) => card.dataset.text.includes(word));
    list.append(...cards);
    const count = cards.filter((card) => !card.hidden).length;
    shown.textContent = `${count} of ${cards.length} galaxies shown`;
  };
  search.addEventListener("input", update);
  order.addEventListener("change", update);
}

// The table of contents marks the section at the top of the window.
const entries = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
const visible = new Set();
const watch = new IntersectionObserver((changes) => {
  for (const change of changes) visible[change.isIntersecting ? "add" : "delete"](change.target);
  const current = all("[data-section]").filter((section) => visible.has(section)).at(-1);
  if (!current) return;
  entries.forEach((link) => link.removeAttribute("aria-current"));
  entries.get(current.id)?.setAttribute("aria-current", "true");
}, { rootMargin: "0px 0px -75% 0px" });
all("[data-section]").forEach((section) => watch.observe(section));
reveal(target(location.hash));
