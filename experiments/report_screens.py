"""Claim: the page of a search scrolls nowhere sideways and cuts no text: of every kind of signal,
on a desktop (1280 pixels) and a telephone (390), light and dark.

Searches one small signal of each kind, writes its report, opens it in Chromium without a window,
measures it there, and keeps a picture of each, to be looked at.

Command: python -m experiments.report_screens [KIND ...]
Time: about ten minutes on 2 cores; pages that are there are only looked at. Needs Chromium.
Expected: no complaint, and runs/report_screens/KIND.WIDTH.SCHEME.png.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path
from typing import NamedTuple

import optiinr_jax as oi
from optiinr_jax.report import write_report

FOLDER = Path("runs") / "report_screens"
SIGNALS = {  # name -> kind, size
    "picture": ("image", 32),
    "sound": ("audio", 2048),
    "solid": ("volume", 20),
    "field_2d": ("field", (24, 36)),
    "field_3d": ("field", (12, 14, 16)),
    "video": ("video", (6, 24, 32)),
    "points": ("points", 400),
}
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
SMALL = {"num_trials": 5, "num_steps": 250, "width": 16, "progress": False}
# What is wrong with a page, as it lies in a frame: a list of sentences.
COMPLAIN = """
function complain(page, width) {
  const found = [], root = page.documentElement, shown = (e) => e.getClientRects().length > 0;
  if (root.scrollWidth > width) found.push(`scrolls sideways: ${root.scrollWidth} pixels`);
  const words = 'h1, h2, h3, p, li, dt, dd, figcaption b, figcaption span, summary, th button';
  for (const e of page.querySelectorAll(words))
    if (shown(e) && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
      found.push(`cut: ${e.textContent.trim().slice(0, 60)}`);
  for (const e of page.querySelectorAll('svg text')) {
    const box = e.getBoundingClientRect();
    if (box.width > 0 && (box.left < -1 || box.right > width + 1))
      found.push(`cut in a drawing: ${e.textContent.trim().slice(0, 60)}`);
  }
  if (width > 1000)
    for (const e of page.querySelectorAll('.scroll'))
      if (e.scrollWidth > e.clientWidth + 1)
        found.push(`a table scrolls on a wide page: ${e.textContent.trim().slice(0, 60)}`);
  for (const image of page.images)
    if (image.naturalWidth === 0 || (shown(image) && image.clientWidth < 80))
      found.push(`no picture, or nearly none: ${image.alt}, ${image.clientWidth} pixels`);
  return found;
}
"""


def browse(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a file in Chromium without a window, with its own profile beside it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise FileNotFoundError("no chromium; install one to look at pages")
    quiet = [f"--{name}" for name in ("headless", "no-sandbox", "disable-gpu", "no-first-run")]
    quiet += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    quiet += [f"--user-data-dir={file.parent / 'user'}", "--virtual-time-budget=5000"]
    command = [chromium, *quiet, *options, file.absolute().as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def frame(html: str, name: str, width: int, scheme: str = "light", height: int = 900) -> str:
    """A page in a frame of a width, as it is on such a screen."""
    style = f"color-scheme: {scheme}; border: 0; display: block"
    size = f'width="{width}" height="{height}"'
    return f'<iframe id="{name}" {size} style="{style}" srcdoc="{escape(html)}"></iframe>'


class Seen(NamedTuple):
    """What Chromium says of a page: what is wrong with it, its height, and its background."""

    complaints: list[str]
    height: int
    colour: str


def look(
    pages: Mapping[str, str], file: Path, width: int, scheme: str = "light", probe: str = ""
) -> dict[str, Seen]:
    """Look at pages on a screen, all at once.

    Args:
        pages: name -> text of the page.
        file: written for it.
        width: of the screen, in pixels.
        scheme: "light" or "dark".
        probe: JavaScript that adds to `found`, with `name` and `page` at hand.
    """
    frames = "".join(frame(html, name, width, scheme) for name, html in pages.items())
    script = (
        f"{COMPLAIN} onload = () => {{ const all = {{}};"
        "for (const one of document.querySelectorAll('iframe')) {"
        "const name = one.id, page = one.contentDocument;"
        f"const found = complain(page, {width}); {probe}"
        "const colour = getComputedStyle(page.body).backgroundColor;"
        "all[name] = [found, page.documentElement.scrollHeight, colour];"
        "} out.textContent = JSON.stringify(all); };"
    )
    text = f"<!doctype html><body><pre id=out></pre><script>{script}</script>{frames}"
    file.write_text(text)
    shown = browse(file, "--enable-logging=stderr", "--v=0", "--dump-dom")
    answer = re.search(r'<pre id="out">(.*?)</pre>', shown.stdout, re.DOTALL)
    assert answer and answer[1], f"the page sent nothing: {shown.stderr[-500:]}"
    seen = {name: Seen(*found) for name, found in json.loads(unescape(answer[1])).items()}
    seen[next(iter(seen))].complaints.extend(re.findall(r"CONSOLE.*", shown.stderr))
    return seen


def take_picture(html: str, target: Path, width: int, height: int, scheme: str) -> None:
    """Keep what a screen of this width would show of a whole page."""
    file = target.with_suffix(".html")
    body = frame(html, "page", width, scheme, height)
    file.write_text(f'<!doctype html><body style="margin: 0">{body}')
    size = f"--window-size={width},{height}"
    browse(file, size, "--hide-scrollbars", f"--screenshot={target.absolute()}")
    file.unlink()


def page_of(name: str) -> str:
    """The report of a small search, made once."""
    path = FOLDER / f"{name}.html"
    if not path.is_file():
        kind, size = SIGNALS[name]
        study = oi.search(oi.sample_signal(kind, size), **SMALL)
        comparison = oi.compare(study, num_seeds=1, progress=False)
        write_report(path, study, comparison)
    return path.read_text()


def main(names: list[str]) -> int:
    """Look at the pages; how many things are wrong."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    pages = {name: page_of(name) for name in names or SIGNALS}
    num_wrong = 0
    for width in WIDTHS:
        for scheme in SCHEMES:
            for name, seen in look(pages, FOLDER / "look.html", width, scheme).items():
                print(f"{name}, {width}, {scheme}: {seen.complaints or 'in order'}")
                num_wrong += len(seen.complaints)
                target = FOLDER / f"{name}.{width}.{scheme}.png"
                take_picture(pages[name], target, width, seen.height, scheme)
    return num_wrong


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
