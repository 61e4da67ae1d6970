"""The tutorials are the repository's notebooks, with what they print: copied in at every build."""

from pathlib import Path
from typing import Any


def copy_notebooks(app: Any) -> None:
    """Copy every notebook that has changed."""
    here = Path(app.srcdir)
    for source in sorted((here.parent / "notebooks").glob("*.ipynb")):
        target = here / "tutorials" / source.name
        if not target.is_file() or target.read_bytes() != source.read_bytes():
            target.write_bytes(source.read_bytes())


def setup(app: Any) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("builder-inited", copy_notebooks)
    return {"parallel_read_safe": True}
