"""The reference of the command: one page with the help of every verb, written at every build."""

import contextlib
import io
import os
import re
from pathlib import Path
from typing import Any
from unittest import mock

PAGE = "reference/command_line.md"
INTRODUCTION = """# The command `optiinr`

Every verb takes `--config FILE`, a TOML file with its options; options on the command line win.
`--quiet` prints nothing but errors, `--json` one line of JSON for scripts. Exit codes and the
variables of the environment are in [](errors.md).
"""


def help_of(words: list[str]) -> str:
    """What `optiinr WORDS --help` prints, without colours, 92 columns wide."""
    from optiinr_jax.cli.main import run

    printed = io.StringIO()
    plain = {"COLUMNS": "92", "NO_COLOR": "1", "TERM": "dumb"}
    with mock.patch.dict(os.environ, plain), contextlib.redirect_stdout(printed):
        with contextlib.suppress(SystemExit):
            run([*words, "--help"])
    return printed.getvalue().strip()


def verbs() -> list[str]:
    """The verbs, in the order in which the command lists them."""
    listed = re.search(r"\{([a-z,]+)\}", help_of([]).replace("\n", ""))
    assert listed, "optiinr --help lists no verbs"
    return listed[1].split(",")


def write_page(app: Any) -> None:
    """Write the page, if it has changed."""
    parts = [INTRODUCTION]
    for verb in verbs():
        parts.append(f"## optiinr {verb}\n\n```text\n{help_of([verb])}\n```\n")
    path = Path(app.srcdir) / PAGE
    text = "\n".join(parts)
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)


def setup(app: Any) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True}
