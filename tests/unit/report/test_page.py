"""The page: whole, self-contained, escaped, true to the numbers, and fine in a browser."""

import base64
import dataclasses
import math
import re
import shutil
from html.parser import HTMLParser
from io import BytesIO

import jax
import numpy as np
import pytest
import soundfile

import optiinr_jax as oi
from experiments.report_screens import browse, look
from optiinr_jax.report import describe_layers, write_report
from optiinr_jax.report.facts import gather
from optiinr_jax.report.page import SECTIONS, make_page
from optiinr_jax.report.rendering import render
from optiinr_jax.report.sections.header import make_header
from optiinr_jax.studies import Comparison, compare

pytestmark = pytest.mark.integration
VOID = {"meta", "link", "img", "br", "input", "hr"}
NASTY = "<script>alert('x')</script> & \"co\""
HEADINGS = [
    "What it looks like",
    "Against the published networks",
    "Every preset and protocol",
    "The found configuration",
    "The search",
    "Which choices mattered",
    "Training of the found network",
    "All trials",
]
MAX_BYTES = 5_000_000


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

    @property
    def text(self):
        """All text, words apart by one space."""
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def page(facts):
    return make_page(facts)


def section_of(facts, name):
    """One section alone, which is drawn in a moment."""
    return render(name, section=SECTIONS[name](facts))


def header_of(facts):
    """The text of the header alone."""
    return Page(render("header.html", header=make_header(facts))).text


def with_diverged(comparison: Comparison) -> Comparison:
    """The same with a preset that diverged on one seed and one that did on all."""
    *others, one, both = comparison.presets
    one = dataclasses.replace(one, scores=(one.scores[0], -math.inf))
    both = dataclasses.replace(both, scores=(-math.inf, -math.inf))
    return dataclasses.replace(comparison, presets=(*others, one, both))


@pytest.mark.integration
def test_page_is_well_formed_and_has_all_sections(page):
    parsed = Page(page)
    assert parsed.open == []
    assert re.findall(r"<h2>(.*?)</h2>", page) == HEADINGS
    # target, picture and error of two networks; errors between of both and the control; a close-up
    assert parsed.tags.count("img") == 5 + 3 + 4


def test_page_loads_nothing(page):
    assert "http://" not in page and "https://" not in page
    assert "@import" not in page and "url(" not in page.replace("url(#", "")
    addresses = Page(page).addresses
    assert addresses and all(a.startswith(("data:", "#")) for a in addresses)
    targets = {a for a in addresses if a.startswith("#")}
    assert all(f'id="{target[1:]}"' in page for target in targets)
    assert len(re.findall(r'\bid="', page)) == len(set(re.findall(r'\bid="([^"]*)"', page)))


def test_page_escapes_what_comes_from_outside(page):
    assert "<script>alert" not in page and "<went>" not in page
    assert "&lt;script&gt;alert(" in page and "the loss &lt;went&gt; away" in page
    assert NASTY in Page(page).text
    assert page.count("<script>") == 1


def test_page_has_the_numbers_of_the_comparison(page, study, comparison):
    text = Page(page).text
    for entry in (comparison.found, *comparison.presets):
        for number in (entry.mean, entry.mean_samples, entry.mean_between):
            assert f"{number:.2f}" in text
    assert f"{comparison.found.spread:.2f}" in text
    assert f"{abs(comparison.gain):.2f} dB" in text
    assert f"{comparison.control:.2f} dB" in text
    assert all(line in text for line in describe_layers(study.best_config))
    assert f"{study.best_inr.num_params} trained parameters" in text


@pytest.mark.integration
def test_header_says_at_which_points(page, make_search, compared):
    text = Page(page).text
    assert "counting errors at the samples and between them in one" in text
    assert "At the samples: " in text and "Between them: " in text
    assert "where linear interpolation of the samples has" in text
    assert "All layers have the same values before trial 5, their own from there on." in text
    study = make_search(oi.sample_signal("image", (12, 16)), num_trials=1, objective="samples")
    assert "counting errors at the samples alone" in header_of(gather(study, compared(study, 1)))


def test_the_winners_seeds_are_on_the_page(page, study, comparison):
    scores = ", ".join(f"{trial.score:.2f}" for trial in study.winner.trials)
    text = Page(page).text
    assert f"found configuration, in the search (trial {study.winner.trials[0].number})" in text
    assert scores in text
    assert ", ".join(f"{score:.2f}" for score in comparison.found.scores) in text


def test_doubt_is_said_in_one_sentence(facts):
    scores = facts.inr.scores._replace(between=20.0, control=30.0)
    doubtful = dataclasses.replace(facts.inr, scores=scores)
    text = header_of(dataclasses.replace(facts, inr=doubtful))
    assert "Caution: between its samples this network has PSNR (dB) 20, where linear" in text
    assert "of the samples has 30: at another size" in text
    sure = dataclasses.replace(facts.inr, scores=scores._replace(control=20.5))
    assert "Caution" not in header_of(dataclasses.replace(facts, inr=sure))


@pytest.mark.slow
def test_a_page_of_a_compared_study_trains_nothing(make_search, monkeypatch):
    """And the preset that it shows is the one whose figures are in its table."""
    study = make_search(oi.sample_signal("image", (12, 16)))
    comparison = compare(study, num_seeds=1, progress=False)
    assert comparison.preset_inr.score == pytest.approx(comparison.presets[0].scores[0], abs=1e-4)

    def train(*_, **__):
        raise AssertionError("a page has trained a network")

    monkeypatch.setattr("optiinr_jax.studies.study.train", train)
    monkeypatch.setattr("optiinr_jax.studies.comparison.fit", train)
    monkeypatch.setattr("optiinr_jax.inr.fitting.train", train)
    assert make_page(gather(study, comparison))


def test_showing_a_loaded_study_trains_nothing(make_search, tmp_path, monkeypatch):
    """Not even where the file of its best network is missing."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    made = make_search(oi.sample_signal("image", (12, 16)), 2, storage=url)
    made.model_path.unlink()
    monkeypatch.setattr("optiinr_jax.studies.study.train", lambda *_: pytest.fail("trained"))
    loaded = oi.load_study(url)
    assert "2 trials, best" in repr(loaded) and "2 trials, best" in loaded._repr_html_()


@pytest.mark.integration
def test_page_is_the_same_without_history_or_with_diverged_presets(facts):
    loaded = dataclasses.replace(facts.inr, history=np.zeros(0, np.float32))
    facts = dataclasses.replace(facts, inr=loaded, comparison=with_diverged(facts.comparison))
    text = make_page(facts)
    assert "Training of the found network" not in text
    assert "diverged on 1 of 2" in text and "diverged on 2 of 2" in text
    assert not {"nan", "inf", "-inf"} & set(Page(text).text.split())


@pytest.mark.integration
def test_page_when_nothing_but_the_search_converged(facts):
    lost = [dataclasses.replace(e, scores=(-math.inf,)) for e in facts.comparison.presets]
    found = dataclasses.replace(facts.comparison.found, scores=(-math.inf,))
    none_left = dataclasses.replace(facts.comparison, presets=tuple(lost), preset_inr=None)
    for shown, who in (
        (none_left, "preset"),
        (dataclasses.replace(none_left, found=found), "both"),
    ):
        given = dataclasses.replace(facts, comparison=shown)
        assert "<b>diverged</b>" in render("header.html", header=make_header(given)), who
        assert ">diverged<" in section_of(given, "protocols.html")
        assert ">diverged<" in section_of(given, "scores.html")
        assert section_of(given, "gallery.html").count("<figure>") == 3 + 2 + 3


@pytest.mark.integration
def test_page_of_one_trial_of_a_grey_picture_with_one_seed(grey, make_search, compared, tmp_path):
    study = make_search(grey, num_trials=1)
    path = write_report(tmp_path / "report.html", study, compared(study, 1))
    text = path.read_text()
    assert "5 \u00d7 8, 1 channel<" in text and "one fresh seed" in text
    assert Page(text).open == []
    assert path.stat().st_size < MAX_BYTES


def test_the_model_file_and_what_to_do_with_it(facts):
    facts = dataclasses.replace(facts, model_name="best.inr.safetensors")
    text = Page(section_of(facts, "next_steps.html")).text
    assert "optiinr render best.inr.safetensors --scale 2 -o larger.png" in text
    assert 'oi.load_inr("best.inr.safetensors")' in text and "shape (24, 32, 3)" in text


def test_writing_leaves_global_settings_alone(page):
    import matplotlib

    assert matplotlib.rcParams["svg.fonttype"] == matplotlib.rcParamsDefault["svg.fonttype"]
    assert not jax.config.jax_enable_x64


@pytest.fixture(scope="module")
def pages(page, make_search, compared):
    """A page of every kind of signal."""
    found = {"image": page}
    for kind, size in {"audio": 600, "volume": 10}.items():
        study = make_search(oi.sample_signal(kind, size), num_trials=2)
        found[kind] = make_page(gather(study, compared(study, 1)))
    return found


@pytest.mark.integration
def test_every_kind_shows_its_signal(pages):
    for kind, html in pages.items():
        parsed = Page(html)
        assert parsed.open == [] and "<h2>What it looks like</h2>" in html
        assert all(a.startswith(("data:", "#")) for a in parsed.addresses)
        assert len(html) < MAX_BYTES
        assert parsed.tags.count("audio") == (3 if kind == "audio" else 0)
        assert parsed.tags.count("iframe") == 1  # the found network, to be moved
    assert Page(pages["audio"]).tags.count("image") == 3 + 4  # spectrograms, then at twice the rate
    # two views and a slice of three; two views of four between the voxels
    assert Page(pages["volume"]).tags.count("img") == 9 + 8


def test_the_sound_on_the_page_is_the_sound(pages):
    signal = oi.sample_signal("audio", 600)
    data = re.search(r'src="data:audio/wav;base64,([^"]*)"', pages["audio"])[1]
    samples, rate = soundfile.read(BytesIO(base64.b64decode(data)))
    assert rate == signal.attributes["sample_rate"]
    np.testing.assert_allclose(samples, signal.samples[:, 0].clip(-1, 1), atol=2**-14)


PROBE = """
    page.querySelectorAll('table.sortable th button')[1]?.click();
    const keys = [...page.querySelectorAll('.sortable tbody tr')].map(
        (row) => Number(row.cells[1].dataset.key));
    if (!keys.every((k, i) => i === 0 || keys[i - 1] <= k)) found.push('the table is not sorted');
    if (name === 'image') {
        const lens = page.querySelector('.lens'), image = page.querySelectorAll('.lens img')[3];
        lens.dispatchEvent(new MouseEvent('click', {bubbles: true, clientX: 9, clientY: 9}));
        const zoomed = image.style.transform;
        lens.dispatchEvent(new MouseEvent('click', {bubbles: true}));
        if (zoomed !== 'scale(4)' || image.style.transform !== '') found.push('no zoom');
    }
"""


@pytest.fixture(scope="module")
def chromium():
    if not (shutil.which("chromium") or shutil.which("chromium-browser")):
        pytest.skip("no chromium; install one to look at the page in a browser")


@pytest.fixture(scope="module")
def all_pages(pages, told, facts_of, untrained):
    """A page of every kind of signal, of a plane and of a solid field; the last ones untrained."""
    found = dict(pages)
    for name, kind, size in (
        ("field of 2 axes", "field", (8, 12)),
        ("field of 3 axes", "field", (6, 5, 4)),
        ("video", "video", (3, 6, 8)),
        ("points", "points", 40),
    ):
        signal = oi.sample_signal(kind, size)
        inr = untrained(signal, oi.preset("siren", modality=kind, width=6, depth=2))
        facts = facts_of(told(signal, 2))
        comparison = dataclasses.replace(facts.comparison, preset_inr=inr)
        found[name] = make_page(dataclasses.replace(facts, inr=inr, comparison=comparison))
    return found


@pytest.mark.integration
@pytest.mark.needs_chromium
def test_printed_it_fills_a_few_pages(page, tmp_path, chromium):
    """Gallery and header share the first one; how it looks was judged by eye."""
    file, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    file.write_text(page)
    browse(file, f"--print-to-pdf={pdf}")
    assert 3 <= len(re.findall(rb"/Type /Page\b", pdf.read_bytes())) <= 7


@pytest.mark.integration
@pytest.mark.needs_chromium
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_browser_shows_it_without_errors_or_overflow(
    width, scheme, all_pages, tmp_path, chromium
):
    """`python -m experiments.report_screens` does it with larger pages, and keeps pictures."""
    seen = look(all_pages, tmp_path / "look.html", width, scheme, PROBE)
    assert {name: one.complaints for name, one in seen.items() if one.complaints} == {}
    assert set(seen) == set(all_pages)
    background = {"light": "rgb(254, 254, 254)", "dark": "rgb(20, 24, 30)"}[scheme]
    assert {one.colour for one in seen.values()} == {background}
