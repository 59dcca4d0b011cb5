"""Whether what JSON said has the shape that the schema declares."""

from __future__ import annotations

import math
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict


def mismatch(value: object, declared: Any, place: str = "") -> str | None:
    """Return where a value is not what a type of the schema declares; None if it is.

    Parameters
    ----------
    value : object
        As JSON gives it. Fields that are not declared are let be.
    declared : type
        A TypedDict of the schema, or what its fields are made of.
    place : str
        Name of the value, for the answer.

    Examples
    --------
    >>> from attnwidget.wire.schema import ArraySpec
    >>> mismatch({"buffer": 0, "dtype": "u8", "shape": [2]}, ArraySpec, "cells")
    'cells.dtype'
    """
    if is_typeddict(declared):
        return _fields(value, declared, place)
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in (Union, UnionType):
        places = [mismatch(value, option, place) for option in arguments]
        return None if None in places else max((each for each in places if each), key=len)
    if origin is Literal:
        fits = any(type(value) is type(option) and value == option for option in arguments)
    elif origin is list:
        if not isinstance(value, list):
            return place
        (of,) = arguments
        return next((at for each in value if (at := mismatch(each, of, f"{place}[]"))), None)
    elif origin is dict:
        if not isinstance(value, dict):
            return place
        key, of = arguments
        found = (
            mismatch(name, key, place) or mismatch(each, of, f"{place}.*") for name, each in value.items()
        )
        return next((at for at in found if at), None)
    elif declared is float:
        fits = _is_whole(value) or (type(value) is float and math.isfinite(value))
    elif declared is int:
        fits = _is_whole(value)
    else:
        fits = declared is Any or type(value) is (NoneType if declared is None else declared)
    return None if fits else place


_MOST = 2**53
"""What a browser counts exactly."""


def _is_whole(value: object) -> bool:
    return type(value) is int and abs(value) < _MOST


def _fields(value: object, declared: Any, place: str) -> str | None:
    if not isinstance(value, dict):
        return place
    for name, (hint, needed) in _declared(declared).items():
        at = f"{place}.{name}" if place else name
        if name not in value:
            if needed:
                return at
            continue
        if found := mismatch(value[name], hint, at):
            return found
    return None


@cache
def _declared(declared: Any) -> dict[str, tuple[Any, bool]]:
    """Return the type of each field, and whether it must be there."""
    hints = get_type_hints(declared, include_extras=True)
    return {
        name: (get_args(hint)[0], False) if get_origin(hint) is NotRequired else (hint, True)
        for name, hint in hints.items()
    }
