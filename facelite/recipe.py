"""Recipes: a TOML file becomes a frozen dataclass; an unknown key or a value of the wrong kind is an error that names it."""

from __future__ import annotations

import dataclasses
import math
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from facelite.errors import RecipeError

T = TypeVar("T")


def read_recipe(path: str | Path, cls: type[T], /) -> T:
    """The recipe in the TOML file ``path`` as a ``cls``. Raises RecipeError."""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: expected a recipe, got {error.strerror or error}; check the path") from None
    except (ValueError, RecursionError) as error:  # of tomllib also where a number has too many digits, or brackets are too deep
        raise RecipeError(f"{path}: expected TOML, got {error}; correct it") from None
    try:
        return parse(table, cls)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}; correct it") from None


def parse(table: dict[str, Any], cls: type[T], /, *, where: str = "") -> T:
    """``table`` as a ``cls`` (a dataclass of plain values, tuples and dataclasses). Raises RecipeError."""
    kinds = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(fields))
    if unknown:
        raise RecipeError(f"expected the keys {', '.join(sorted(fields))}{_in(where)}, got {unknown[0]!r}")
    for name, field in fields.items():
        if name not in table and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecipeError(f"expected the key {name!r}{_in(where)}, got none")
    values = {name: _value(value, kinds[name], f"{where}.{name}" if where else name) for name, value in table.items()}
    try:
        return cls(**values)
    except ValueError as error:
        raise RecipeError(f"{error}{_in(where)}") from None


def _value(value: Any, kind: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
        return _value(value, kind, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(one, typing.get_args(kind)[0], f"{where}[{i}]") for i, one in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {_value(key, str, f"a key of {where}"): _value(one, typing.get_args(kind)[1], f"{where}.{key}") for key, one in value.items()}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        return parse(value, kind, where=where)
    if origin is typing.Literal:
        if value in typing.get_args(kind):
            return value
        raise RecipeError(f"expected {where} to be one of {', '.join(map(str, typing.get_args(kind)))}, got {value!r}")
    if kind is float and type(value) is int:
        value = float(value) if abs(value) < 2**1023 else math.inf
    if kind is float and type(value) is float and not math.isfinite(value):
        raise RecipeError(f"expected {where} to be finite, got {value}")
    if kind is str and type(value) is str and any("\ud800" <= letter <= "\udfff" for letter in value):  # JSON can say half a letter
        raise RecipeError(f"expected {where} to be text, got {value!r}")
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise RecipeError(f"expected {where} to be {getattr(kind, '__name__', kind)}, got {value!r}")


def _in(where: str) -> str:
    return f" in [{where}]" if where else ""
