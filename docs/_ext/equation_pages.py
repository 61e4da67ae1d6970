"""The table of equations: which function implements which equation of which paper.

Read from the docstrings, which cite as "Tancik et al. 2020, eq. 5" or "GPML 2.25". A citation
without a number is listed too: not every paper numbers what it prints.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PAGE = "reference/equations.md"
_WORK = (
    r"(?:[A-Z][A-Za-z]*[a-z](?: et al\.| and (?:[Vv]an der )?[A-Z][a-z]+)?,? \(?\d{4}\b"
    r"|arXiv [\d.]+\d)"
)
_NUMBER = (
    r"(?:eqs?\. \d+(?:\.\d+)?(?: and \d+(?:\.\d+)?)?|section \d+(?:\.\d+)*(?: and Algorithm \d)?"
    r"|[Aa]lgorithm \d(?:\.\d)?|\d+\.\d+(?:\.\d+)?(?:, \d+\.\d+)*)"
)
CITATION = re.compile(
    rf"(?P<source>{_WORK})(?:[,:]? (?P<number>{_NUMBER}))?"
    rf"|(?P<short>[Pp]aper|GPML|Parallel WaveGAN)[,:]? (?P<place>{_NUMBER})"
)
NAMES = {
    "paper": "OptiINR, arXiv 2509.23139",
    "GPML": "Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006",
}
TESTED_WITH = {  # module -> the one through which its functions are used and tested
    "bo/feasibility.py": "bo/optimizer.py",
    "landscapes/__init__.py": "landscapes/training.py",
    "landscapes/regularisers.py": "landscapes/training.py",
    "inr/formulas.py": "inr/activations.py",
    "inr/initializers.py": "inr/activations.py",
    "inr/encodings.py": "inr/model.py",
    "inr/directions.py": "inr/optimizer.py",
    "trajectories/networks.py": "trajectories/surrogate.py",
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
        test = _test_of(root, path.relative_to(root / "optiinr_jax"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            text = " ".join((ast.get_docstring(node) or "").split())
            name = module if isinstance(node, ast.Module) else f"{module}.{node.name}"
            line = getattr(node, "lineno", 1)
            for match in CITATION.finditer(text):
                source = (match["source"] or match["short"]).replace("(", "").replace(",", "")
                number = match["number"] or match["place"] or ""
                source = NAMES.get(source.lower() if source == "Paper" else source, source)
                yield Row(source, number, name, f"{path.relative_to(root)}:{line}", test)


def _test_of(root: Path, module: Path) -> str:
    """The file of tests of a module, or of the one through which it is tested; empty: none."""
    module = Path(TESTED_WITH.get(module.as_posix(), module))
    test = Path("tests/unit", module.with_name(f"test_{module.name}"))
    return test.as_posix() if (root / test).is_file() else ""


def write_page(app: Any) -> None:
    """Write the table, if it has changed."""
    lines = [
        "# Equations",
        "",
        "Where an equation of a paper stands in the code, and the file that tests it. The table is",
        "read from the docstrings. A row without a number names a paper that numbers nothing, or a",
        "rule that its text describes.",
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
