"""Functions that take the fields of records as keywords: one place for each field."""

from collections.abc import Callable
from dataclasses import fields
from inspect import Parameter, signature
from typing import Any


def with_fields(*records: type) -> Callable[[Any], Any]:
    """Show the fields of records in the signature of a function that takes them as `**options`."""

    def decorate(function: Any) -> Any:
        own = signature(function)
        named = [p for p in own.parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
        more = [
            Parameter(f.name, Parameter.KEYWORD_ONLY, default=f.default, annotation=f.type)
            for record in records
            for f in fields(record)
        ]
        function.__signature__ = own.replace(parameters=[*named, *more])
        return function

    return decorate


def split_options(options: dict[str, Any], *records: type) -> list[dict[str, Any]]:
    """Options by the record that has them.

    Raises:
        TypeError: an option that none has.
    """
    names = [{f.name for f in fields(record)} for record in records]
    unknown = sorted(set(options) - set().union(*names))
    if unknown:
        raise TypeError(
            f"got unknown options {unknown}; known are {', '.join(sorted(set().union(*names)))}."
        )
    return [{name: options[name] for name in own & set(options)} for own in names]
