"""The portfolio as a user meets it: a fit without a name, and searches that become a file."""

import json

import optiinr_jax as oi
from optiinr_jax.cli.main import run

SMALL = ["--width", "8", "--num-steps", "100", "--quiet"]


def test_from_two_searches_to_a_fit(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    search = ["--num-trials", "4", "--num-seeds", "1", "--num-portfolio", "0", *SMALL]
    for name, size in (("a", "12"), ("b", "14")):
        assert run(["search", "--size", size, "--out", name, *search]) == 0
    assert run(["portfolio", "a", "b", "-o", "mine.json", "--num", "2", "--quiet"]) == 0
    (cell,) = oi.Portfolio.load("mine.json").cells
    assert cell.signals == ("sample_image",) * 2 and cell.width == 8
    capsys.readouterr()
    assert run(["fit", "--size", "16", "--portfolio", "mine.json", "--json", *SMALL[:4]]) == 0
    printed = json.loads(capsys.readouterr().out)
    inr = oi.load_inr(printed["model"])
    wanted = oi.Portfolio.load("mine.json").recommend(
        oi.sample_signal("image", size=16), 1, width=8, num_steps=100
    )
    assert inr.config.layers == wanted[0].config.layers
    assert run(["search", "--size", "16", "--portfolio", "mine.json", "--out", "c", *search]) == 0
    assert run(["fit", "--portfolio", "a/report.html"]) == 2
    assert "a/report.html is no portfolio" in capsys.readouterr().err


def test_a_fit_without_a_name_says_where_its_network_comes_from(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["fit", "--size", "12", *SMALL[:4]]) == 0
    printed = capsys.readouterr().out
    assert "found on" in printed and "scaled from there" in printed
    assert oi.load_inr("runs/sample-fit/best.inr.safetensors").objective == "continuous"
