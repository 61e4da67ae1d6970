"""The page: whole, self-contained, escaped, true to the numbers, and fine in a browser."""

import base64
import dataclasses
import math
import re
import shutil
import subprocess
from html import escape
from html.parser import HTMLParser
from io import BytesIO

import jax
import numpy as np
import pytest
import soundfile
from optuna.trial import TrialState

import optiinr_jax as oi
from optiinr_jax.report import describe_layers, write_report
from optiinr_jax.report.html import make_page, train_fresh
from optiinr_jax.studies import Comparison, compare
from optiinr_jax.studies.trials import REASON

VOID = {"meta", "link", "img", "br", "input", "hr"}
NASTY = "<script>alert('x')</script> & \"co\""
SECTIONS = [
    "What it looks like",
    "Against the published networks",
    "Every preset and protocol",
    "The found configuration",
    "The search",
    "Which choices mattered",
    "Training of the found network",
    "All trials",
]


class Page(HTMLParser):
    """Collects tags, texts and addresses; every opened tag must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.addresses, self.texts = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "xlink:href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def search(signal, num_trials=3):
    return oi.search(
        signal, num_trials=num_trials, num_initial=2, num_steps=2, width=8, depth=2, progress=False
    )


@pytest.fixture(scope="module")
def study():
    signal = oi.make_signal("image", oi.sample_signal("image", size=(12, 16)).samples, name=NASTY)
    study = search(signal)
    failed = study.optuna_study.ask()
    failed.set_user_attr(REASON, "the loss <went> away")
    study.optuna_study.tell(failed, state=TrialState.FAIL)
    return study


@pytest.fixture(scope="module")
def comparison(study):
    return compare(study, num_seeds=2, progress=False)


@pytest.fixture(scope="module")
def page(study, comparison):
    return make_page(study, comparison)


def with_diverged(comparison: Comparison) -> Comparison:
    """The same with a preset that diverged on one seed and one that did on all."""
    *others, one, both = comparison.presets
    one = dataclasses.replace(one, scores=(one.scores[0], -math.inf))
    both = dataclasses.replace(both, scores=(-math.inf, -math.inf))
    return dataclasses.replace(comparison, presets=(*others, one, both))


def test_page_is_well_formed_and_has_all_sections(page):
    parsed = Page(page)
    assert parsed.open == []
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings == SECTIONS
    assert parsed.tags.count("img") == 5  # target, and picture and error of two networks


def test_page_loads_nothing(page):
    assert "http://" not in page and "https://" not in page
    assert "@import" not in page and "url(" not in page.replace("url(#", "")
    addresses = Page(page).addresses
    assert addresses and all(a.startswith(("data:", "#")) for a in addresses)
    targets = {a for a in addresses if a.startswith("#")}
    assert all(f'id="{target[1:]}"' in page for target in targets)
    assert len(re.findall(r'\bid="', page)) == len(set(re.findall(r'\bid="([^"]*)"', page)))


def test_page_escapes_what_comes_from_outside(page):
    assert "alert('x')" not in page.replace(escape(NASTY), "")
    assert escape(NASTY) in page
    assert "the loss &lt;went&gt; away" in page
    assert page.count("<script>") == 1


def test_page_has_the_numbers_of_the_comparison(page, study, comparison):
    text = " ".join(Page(page).texts)
    for entry in (comparison.found, *comparison.presets):
        assert f"{entry.mean:.2f}" in text
        assert f"{entry.spread:.2f}" in text
    assert all(f"{entry.scores[0]:.2f}" in text for entry in comparison.all_protocols)
    assert f"{abs(comparison.gain):.2f}" in text
    assert all(line in text for line in describe_layers(study.best_config))
    assert f"{study.best_inr.num_params} trained numbers" in text


def test_preset_is_trained_as_in_the_comparison(study, comparison):
    inr = train_fresh(study, comparison.presets[0])
    assert inr.score == pytest.approx(comparison.presets[0].scores[0], abs=1e-4)


def test_page_is_the_same_without_history_or_with_diverged_presets(study, comparison):
    loaded = dataclasses.replace(study.best_inr, history=np.zeros(0, np.float32))
    study = dataclasses.replace(study, kept={"best": loaded})
    text = make_page(study, with_diverged(comparison))
    assert "Training of the found network" not in text
    assert "diverged on 1 of 2" in text and "diverged on 2 of 2" in text
    assert "nan" not in Page(text).texts and "inf" not in Page(text).texts


def test_page_when_nothing_but_the_search_converged(study, comparison):
    lost = [dataclasses.replace(e, scores=(-math.inf,)) for e in comparison.presets]
    found = dataclasses.replace(comparison.found, scores=(-math.inf,))
    none_left = dataclasses.replace(comparison, presets=tuple(lost))
    assert "<b>diverged</b>" in make_page(study, none_left)
    assert "<b>diverged</b>" in make_page(study, dataclasses.replace(none_left, found=found))


def test_page_of_one_trial_of_a_grey_picture_with_one_seed(tmp_path):
    samples = np.linspace(0, 1, 40, dtype=np.float32).reshape(5, 8, 1)
    study = search(oi.make_signal("image", samples), num_trials=1)
    path = write_report(
        tmp_path / "report.html", study, compare(study, num_seeds=1, progress=False)
    )
    text = path.read_text()
    assert "5 &times; 8, 1 channel<" in text and "one fresh seed" in text
    assert Page(text).open == []
    assert path.stat().st_size < 5_000_000


def test_centre_is_shown_when_the_pictures_are_too_large(study, comparison, monkeypatch):
    monkeypatch.setattr("optiinr_jax.report.pictures.MAX_BYTES", 100)
    monkeypatch.setattr("optiinr_jax.report.pictures.MAX_SIDE", 8)
    text = make_page(study, comparison)
    assert "only the central 8 x 8 pixels are shown" in text


def test_writing_leaves_global_settings_alone(study, comparison, page):
    import matplotlib

    assert matplotlib.rcParams["svg.fonttype"] == matplotlib.rcParamsDefault["svg.fonttype"]
    assert not jax.config.jax_enable_x64


@pytest.fixture(scope="module")
def pages(page):
    """A page of every kind of signal."""
    found = {"image": page}
    for kind, size in {"audio": 600, "volume": 10}.items():
        study = search(oi.sample_signal(kind, size), num_trials=2)
        found[kind] = make_page(study, compare(study, num_seeds=1, progress=False))
    return found


def test_every_kind_shows_its_signal(pages):
    for kind, html in pages.items():
        parsed = Page(html)
        assert parsed.open == [] and "<h2>What it looks like</h2>" in html
        assert all(a.startswith(("data:", "#")) for a in parsed.addresses)
        assert len(html) < 5_000_000
        assert parsed.tags.count("audio") == (3 if kind == "audio" else 0)
    assert Page(pages["audio"]).tags.count("img") == 3  # spectrograms
    assert Page(pages["volume"]).tags.count("img") == 9  # two views and a slice of three


def test_the_sound_on_the_page_is_the_sound(pages):
    signal = oi.sample_signal("audio", 600)
    data = re.search(r'src="data:audio/wav;base64,([^"]*)"', pages["audio"])[1]
    samples, rate = soundfile.read(BytesIO(base64.b64decode(data)))
    assert rate == signal.attributes["sample_rate"]
    np.testing.assert_allclose(samples, signal.samples[:, 0].clip(-1, 1), atol=2**-14)


def test_long_sounds_are_cut(monkeypatch):
    monkeypatch.setattr("optiinr_jax.report.media.MAX_SAMPLES", 400)
    study = search(oi.sample_signal("audio", 600), num_trials=1)
    html = make_page(study, compare(study, num_seeds=1, progress=False))
    assert "Only the first 0.1 seconds are on this page" in html


PROBES = {  # what to look at in a page of each kind, as JavaScript
    "image": """
        const lens = page.querySelector('.lens'), image = page.querySelectorAll('.lens img')[3];
        lens.dispatchEvent(new MouseEvent('click', {bubbles: true, clientX: 9, clientY: 9}));
        const zoomed = image.style.transform;
        lens.dispatchEvent(new MouseEvent('click', {bubbles: true}));
        facts.push(zoomed === 'scale(4)' && image.style.transform === '');""",
    "audio": "facts.push(page.querySelectorAll('audio[controls]').length === 3);",
    "volume": "facts.push(page.querySelectorAll('.trio img').length === 9);",
}


def browse(file, *options):
    """Open a file in Chromium without a window, with its own profile beside it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium; install one to look at the page in a browser")
    quiet = [f"--{name}" for name in ("headless", "no-sandbox", "disable-gpu", "no-first-run")]
    quiet += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    quiet += [f"--user-data-dir={file.parent / 'user'}", "--virtual-time-budget=5000"]
    return subprocess.run(
        [chromium, *quiet, *options, file.as_uri()], capture_output=True, text=True, timeout=120
    )


@pytest.mark.slow
def test_printed_it_fills_a_few_pages(page, tmp_path):
    """Gallery and header share the first one; how it looks was judged by eye."""
    file, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    file.write_text(page)
    browse(file, f"--print-to-pdf={pdf}")
    assert 3 <= len(re.findall(rb"/Type /Page\b", pdf.read_bytes())) <= 6


@pytest.mark.slow
@pytest.mark.parametrize("kind", PROBES)
def test_browser_shows_it_without_errors_or_overflow(kind, pages, tmp_path):
    probe = (
        "<!doctype html><body><iframe id=frame width=390 height=900></iframe><pre id=out></pre>"
        "<script>frame.onload = () => { const page = frame.contentDocument, facts = [];"
        "page.querySelectorAll('table.sortable th button')[1].click();"
        "facts.push(page.documentElement.scrollWidth <= 390);"
        "facts.push([...page.images].every((i) => i.naturalWidth > 0));"
        "const keys = [...page.querySelectorAll('.sortable tbody tr')].map("
        "(row) => Number(row.cells[1].dataset.key));"
        "facts.push(keys.every((k, i) => i === 0 || keys[i - 1] <= k));"
        f"{PROBES[kind]}"
        "out.textContent = facts.join(' '); };"
        "frame.srcdoc = document.querySelector('template').content.textContent;</script>"
    )
    template = f"<template>{escape(pages[kind])}</template>"
    file = tmp_path / "probe.html"
    file.write_text(probe.replace("<body>", f"<body>{template}"))
    shown = browse(file, "--enable-logging=stderr", "--v=0", "--dump-dom")
    assert "CONSOLE" not in shown.stderr
    facts = re.search(r"<pre id=\"out\">(.*?)</pre>", shown.stdout)[1]
    assert facts == "true true true true"
