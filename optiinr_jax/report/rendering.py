"""The templates of the page: everything that a record holds is escaped, unless it is Markup."""

from functools import cache
from typing import Any


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # for those who write a page

    return Environment(
        loader=PackageLoader("optiinr_jax.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(template: str, **facts: Any) -> str:
    """Fill a file of the folder `templates`.

    Raises:
        jinja2.UndefinedError: a fact that the template names is missing.
    """
    return _environment().get_template(template).render(**facts)
