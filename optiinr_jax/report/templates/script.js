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
for (const live of document.querySelectorAll(".live")) {  // it computes from when it is opened
  const frame = live.querySelector("iframe");
  live.addEventListener("toggle", () => { frame.srcdoc ||= frame.dataset.page; });
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
