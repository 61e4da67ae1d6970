"""Links of a page to files that are no pages: shown as the path of the file in the repository."""

import posixpath
import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#:\s]+)(#[^)\s]*)?\)")


def replace_links(app: Any, name: str, source: list[str]) -> None:
    """Take the links out of a page that lead to something the site does not have."""
    here = posixpath.dirname(name)

    def replace(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", here, match[2]))
        is_page = path.startswith("docs/") and path.endswith((".md", ".png", ".svg"))
        if is_page or not (Path(app.srcdir).parent / path).exists():
            return match[0]
        text = match[1].strip("`")
        return f"`{path}`" if text in (path, match[2]) else f"{match[1]} (`{path}`)"

    source[0] = LINK.sub(replace, source[0])


def setup(app: Any) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("source-read", replace_links)
    return {"parallel_read_safe": True}
