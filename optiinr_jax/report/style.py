"""The look of the page, and the few lines of script that enlarge pictures and sort its table."""

from optiinr_jax.report.svg import PALETTE


def style_sheet() -> str:
    """All CSS of the page, light and dark."""
    return _CSS.replace("LIGHT", _variables(0)).replace("DARK", _variables(1))


def _variables(scheme: int) -> str:
    return " ".join(f"--{role}: {colours[scheme]};" for role, colours in PALETTE.items())


_CSS = """
:root { color-scheme: light dark; LIGHT }
@media screen and (prefers-color-scheme: dark) { :root { DARK } }
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1040px; padding: 56px 32px 96px;
  background: var(--page); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-text-size-adjust: 100%; overflow-wrap: break-word;
}
h1 { margin: 0; font-size: 38px; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; }
h1 small { margin-left: 10px; font-size: 18px; font-weight: 400; letter-spacing: 0;
  color: var(--muted); white-space: nowrap; }
h2 { margin: 0 0 14px; font-size: 22px; line-height: 1.3; font-weight: 650;
  letter-spacing: -0.01em; }
h3 { margin: 32px 0 6px; font-size: 16px; font-weight: 650; }
p, ul, dl { margin: 0 0 18px; max-width: 72ch; }
section { margin-top: 72px; }
section > p, dl { color: var(--muted); }
.lede { margin: 20px 0 24px; font-size: 21px; line-height: 1.5; }
.lede b:last-of-type { color: var(--accent); }
.meta { margin: 0 0 4px; font-size: 14px; color: var(--muted); }
code span { white-space: nowrap; }
code { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
figure { margin: 0; min-width: 0; }
figcaption b, figcaption span { display: block; }
figcaption { font-size: 14px; line-height: 1.4; }
figcaption b { font-weight: 600; }
figcaption span { color: var(--muted); font-variant-numeric: tabular-nums; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
.cards svg { max-width: none !important; }
svg text { font-family: inherit !important; }
.narrow { display: none; }
.gallery { display: grid; gap: 28px 24px; grid-template-columns: repeat(3, minmax(0, 1fr));
  grid-template-areas: "target found found-error" "scale preset preset-error"; }
.gallery img { display: block; width: 100%; height: auto; }
.lens { margin-bottom: 10px; border-radius: 3px; overflow: hidden; cursor: zoom-in; }
.zoomed .lens { cursor: zoom-out; }
.trio { display: grid; gap: 28px 24px; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.trio img { display: block; width: 100%; height: auto; margin: 8px 0; border-radius: 3px; }
.trio .spectrogram { height: 150px; }
.trio audio { display: block; width: 100%; margin: 8px 0 10px; }
.crisp { image-rendering: pixelated; }
.scale { align-self: end; font-size: 14px; line-height: 1.5; color: var(--muted); }
.scale p { margin: 0 0 12px; }
.bar { height: 12px; border-radius: 3px; }
.bar, figure img, .best { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.ticks { display: flex; justify-content: space-between; margin-top: 4px;
  font-variant-numeric: tabular-nums; }
.layers { padding: 0; list-style: none; }
.layers li { padding: 7px 0; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; }
.layers li::first-letter { text-transform: uppercase; }
.cards { display: grid; gap: 24px; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); }
.cards figcaption { margin-bottom: 6px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; max-width: none;
  margin-top: 18px; font-size: 14px; }
dt { color: var(--ink); }
dd { margin: 0; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 14px; line-height: 1.4;
  font-variant-numeric: tabular-nums; }
th, td { padding: 8px 18px 8px 0; text-align: left; vertical-align: top; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { padding-left: 10px; }
th { font-weight: 600; color: var(--muted); vertical-align: bottom; }
th.number, td.number { text-align: right; }
td:last-child:not(.number) { white-space: normal; }
.best td { background: var(--tint); font-weight: 600; }
th button { all: unset; cursor: pointer; }
th button:hover, th[aria-sort] button { color: var(--accent); }
th button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
@media screen and (max-width: 820px) {
  body { padding: 32px 20px 64px; }
  h1 { font-size: 30px; }
  h1 small { display: block; margin: 6px 0 0; }
  .lede { font-size: 18px; }
  section { margin-top: 56px; }
  .wide { display: none; }
  .narrow { display: block; }
  .gallery { gap: 24px 14px; grid-template-columns: repeat(2, minmax(0, 1fr));
    grid-template-areas: "target scale" "found found-error" "preset preset-error"; }
  .scale, figcaption { font-size: 13px; }
  .trio { grid-template-columns: 1fr; }
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 20px 14px; }
  dl { grid-template-columns: 1fr; }
  dd { margin-bottom: 8px; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 12px; }
  h1 { font-size: 26px; }
  h1 small { font-size: 13px; }
  h2 { font-size: 17px; margin-bottom: 8px; }
  h3 { margin-top: 20px; font-size: 13px; }
  .lede { margin: 10px 0 12px; font-size: 15px; }
  p { margin-bottom: 10px; }
  section { margin-top: 28px; }
  h2, h3, section > p { break-after: avoid; }
  section > p:has(+ h3) { break-after: auto; }
  p, figure, svg, thead, tr, .gallery, .layers, dl { break-inside: avoid; }
  audio, .screen { display: none !important; }
  .gallery, .trio { max-width: 150mm; gap: 16px; }
  .trio figcaption { min-height: 42px; }
  .scroll { overflow: visible; }
  table, figcaption, .meta, .scale, dl { font-size: 10px; }
  code { font-size: 9px; }
  .layers li { padding: 4px 0; }
  th, td { padding: 3px 10px 3px 0; }
  .cards { grid-template-columns: repeat(4, 1fr); }
}
@page { margin: 16mm; }
"""

SCRIPT = """
for (const gallery of document.querySelectorAll(".gallery")) {
  const look = (event) => {
    const lens = event.target.closest(".lens");
    if (!lens) return;
    if (event.type === "click") gallery.classList.toggle("zoomed");
    const box = lens.getBoundingClientRect(), isOn = gallery.classList.contains("zoomed");
    const x = 100 * (event.clientX - box.x) / box.width;
    const y = 100 * (event.clientY - box.y) / box.height;
    for (const image of gallery.querySelectorAll(".lens img")) {
      image.style.transformOrigin = `${x}% ${y}%`;
      image.style.transform = isOn ? "scale(4)" : "";
    }
  };
  gallery.addEventListener("click", look);
  gallery.addEventListener("pointermove", (e) => e.pointerType === "mouse" && look(e));
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent;
    const order = new Intl.Collator("en", { numeric: false }).compare;
    const compare = (a, b) => (isNaN(a) || isNaN(b) ? order(a, b) : a - b);
    const rows = [...body.rows].sort((a, b) => sign * compare(key(a), key(b)));
    body.append(...rows);
  }));
}
"""
