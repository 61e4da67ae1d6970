"""The table of equations: which function implements which equation of which paper.

Read from the docstrings, which cite as "Tancik et al. 2020, eq. 5" or "GPML 2.25".
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PAGE = "reference/equations.md"
CITATION = re.compile(
    r"(?P<source>(?:[A-Z][A-Za-z]+(?: et al\.)?,? \(?\d{4}|paper|[Pp]aper|GPML|Parallel WaveGAN))"
    r"[,:]? (?P<number>(?:eqs?\. \d+(?: and \d+)?|section \d+(?:\.\d+)*(?: and Algorithm \d)?"
    r"|Algorithm \d(?:\.\d)?|\d+\.\d+(?:, \d+\.\d+)*))"
)
NAMES = {
    "paper": "OptiINR, arXiv 2509.23139",
    "GPML": "Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006",
}


class Row(NamedTuple):
    """One citation in a docstring."""

    source: str
    number: str
    name: str
    place: str
    test: str


def rows(root: Path) -> Iterator[Row]:
    """Every citation of the package's docstrings, with the test of its module."""
    for path in sorted((root / "optiinr_jax").rglob("*.py")):
        tree = ast.parse(path.read_text())
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        test = Path("tests/unit", *path.relative_to(root).parts[1:-1], f"test_{path.name}")
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            text = " ".join((ast.get_docstring(node) or "").split())
            name = module if isinstance(node, ast.Module) else f"{module}.{node.name}"
            line = getattr(node, "lineno", 1)
            for match in CITATION.finditer(text):
                source = match["source"].replace("(", "")
                yield Row(
                    NAMES.get(source.lower() if source == "Paper" else source, source),
                    match["number"],
                    name,
                    f"{path.relative_to(root)}:{line}",
                    str(test) if (root / test).is_file() else "",
                )


def write_page(app: Any) -> None:
    """Write the table, if it has changed."""
    lines = [
        "# Equations",
        "",
        "Where an equation of a paper stands in the code. The table is read from the docstrings.",
        "",
        "| source | equation | name | line | test |",
        "|---|---|---|---|---|",
    ]
    found = sorted(set(rows(Path(app.srcdir).parent)))
    lines += [f"| {r.source} | {r.number} | `{r.name}` | `{r.place}` | `{r.test}` |" for r in found]
    path = Path(app.srcdir) / PAGE
    text = "\n".join(lines).replace("| `` |", "| |") + "\n"
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)


def setup(app: Any) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True}
