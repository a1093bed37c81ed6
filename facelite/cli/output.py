"""What every command shares: options, one JSON object or lines for a person, a progress bar, exit statuses."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from math import isfinite, isnan
from typing import Any, NoReturn, TextIO, TypeVar

import click

from facelite.errors import FaceliteError
from facelite.runtime.doctor import Check, State
from facelite.runtime.interpreter import MAX_THREADS

ACCEPTED, REJECTED, USAGE, UNDECIDED, REFUSED, DEFECT, INTERRUPTED = 0, 1, 2, 3, 4, 70, 130

F = TypeVar("F", bound=Callable[..., Any])


class Number(click.FloatRange):
    """A finite number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if not isfinite(number := float(super().convert(value, param, ctx))):
            self.fail(f"expected a number, got {value}", param, ctx)
        return number


RATE = Number(0, 1, min_open=True, max_open=True)
"""An error rate that can be wished for."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on standard output.")
bundle_option = click.option("--bundle", type=click.Path(), help="The bundle; else FACELITE_BUNDLE, else the installed package's.")
gallery_option = click.option("--gallery", required=True, type=click.Path(dir_okay=False), help="The gallery file.")
keyring_option = click.option(
    "--keyring", type=click.Path(file_okay=False), help="The folder of the galleries' key; else FACELITE_KEYRING, else ~/.config/facelite."
)
threads_option = click.option("--threads", type=click.IntRange(1, MAX_THREADS), default=1, show_default=True, help="Threads of the TFLite runtime.")
detector_option = click.option("--detector", type=click.Path(dir_okay=False), help="The detector file, if its package is not installed.")
no_cache_option = click.option(
    "--no-cache", is_flag=True, help="Embed every picture anew. Else embeddings are kept in FACELITE_CACHE (default ~/.cache/facelite)."
)
workers_option = click.option("--workers", type=click.IntRange(1), help="Threads; default: one for each core.")
held_out_option = click.option("--held-out", is_flag=True, help="Only the people that no training run has seen.")
face_option = click.option(
    "--face",
    "rule",
    type=click.Choice(["only", "centre", "largest"]),
    default="only",
    show_default=True,
    help="Which face of a picture is meant; with 'only', two faces are not decided.",
)


class Commands(click.Group):
    """A group whose every end is one of the statuses above: a crash never reads as "rejected"."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _interruptible():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _interruptible():
            return super().invoke(ctx)

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        as_json = "--json" in (sys.argv if kwargs.get("args") is None else kwargs["args"])
        try:
            sys.exit(int(super().main(*args, **{**kwargs, "standalone_mode": False}) or 0))
        except click.exceptions.Exit as error:
            sys.exit(error.exit_code)
        except click.UsageError as error:
            where = f" (see: {error.ctx.command_path} --help)" if error.ctx else ""
            _fail(USAGE, error.format_message() + where, as_json)
        except click.ClickException as error:
            _fail(USAGE, error.format_message(), as_json)
        except (click.Abort, KeyboardInterrupt):
            _fail(INTERRUPTED, "interrupted", as_json)
        except FaceliteError as error:
            _fail(error.exit_status, str(error), as_json)
        except OSError as error:
            what = f"{error.filename}: expected to read or write it, got" if error.filename else "expected to read and write files, got"
            _fail(REFUSED, f"{what} {error.strerror or error}; check the path, its rights and the space left", as_json)
        except Exception as error:  # noqa: BLE001 - the last resort
            if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("facelite"):
                _fail(REFUSED, f"expected the package {error.name}, found none; install it: pip install 'facelite[train]'", as_json)
            if os.environ.get("FACELITE_DEBUG"):
                traceback.print_exc()
            _fail(DEFECT, f"a defect of facelite: {type(error).__name__}: {error}; set FACELITE_DEBUG=1 for its trace and report it", as_json)


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if sys.stderr.isatty():  # click ends the line of the ^C there
            raise
        raise click.Abort from None


def _fail(status: int, message: str, as_json: bool) -> NoReturn:
    if as_json:
        _say(json.dumps({"error": _one_line(message), "status": status}), sys.stdout)
    warn(message)
    sys.exit(status)


def warn(message: str) -> None:
    """One line on standard error."""
    _say(f"facelite: {_one_line(message)}", sys.stderr)


def _say(line: str, file: TextIO) -> None:
    try:
        print(line, file=file, flush=True)
    except OSError:  # a closed pipe, a full disk: what Python has kept of it must not fail again at the end, the exit status tells
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


def _one_line(message: str) -> str:
    return " ".join(message.split())


def show(values: dict[str, Any], as_json: bool, lines: list[str] | None = None) -> None:
    """``values`` as one JSON object, or ``lines`` for a person (the values line by line where there are none)."""
    text = lines if lines is not None else [f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in values.items()]
    whole = json.dumps(_finite(values), default=str, allow_nan=False) if as_json else "\n".join(text)
    if not whole:
        return
    try:
        click.echo(whole.encode(errors="surrogateescape").decode(errors="replace"))  # a file's name need not be text
    except BrokenPipeError:  # nobody reads on; click would end with 1, which says "rejected", where the status is the answer
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_checks(checks: list[Check], as_json: bool, /) -> int:
    """A line for each, and one for what to do; the exit status."""
    lines = [f"{check.state.value:4}  {check.name}: {check.found}" + (f"\n      -> {check.remedy}" if check.remedy else "") for check in checks]
    works = all(check.state is not State.FAIL for check in checks)
    show({"works": works, "checks": [asdict(check) for check in checks]}, as_json, lines)
    return ACCEPTED if works else REFUSED


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A function of (done, total) that draws a progress bar with the time left on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True) as drawn:

        def update(done: int, total: int) -> None:
            drawn.length = total
            drawn.update(done - drawn.pos)

        yield update


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """A function of (stage, done, total) that draws a progress bar for each stage, by its name."""
    with ExitStack() as stack:
        stage, draw = "", None

        def update(now: str, done: int, total: int) -> None:
            nonlocal stage, draw
            if now != stage or draw is None:
                stack.close()
                stage, draw = now, stack.enter_context(bar(now))
            draw(done, total)

        yield update


def percent(rate: float | None) -> str:
    """A rate for a reader."""
    return "unknown" if rate is None or isnan(rate) else f"{100 * rate:.2f} %"


def _finite(value: Any) -> Any:
    """``value`` as JSON can say it: NaN becomes null."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    return f"{value:.4f}" if isinstance(value, float) else str(value)
