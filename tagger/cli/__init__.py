"""The command `tagger`: parse, one library call, print. Data goes to standard output, all else to standard error.

One module for each family of commands; a new family is a module here and its line in `app`.
"""

from __future__ import annotations

import io
import signal
import sys
from typing import Annotated, NoReturn

import typer

from tagger import __version__
from tagger.cli import check, installed, norms, review, stack, tagging, train

__all__ = ["app", "main"]

app = typer.Typer(
    name="tagger",
    help="Tag the learning outcomes of micro-credentials with SDGs, skills, Bloom and framework levels, offline and with "
    "evidence, and flag credentials that try to cover too much for their size.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # so that [columns] in a help text stays what it is
)
app.add_typer(tagging.app)
app.add_typer(stack.app)
app.add_typer(norms.app, name="norms")
app.add_typer(train.app)
app.add_typer(check.app)
app.add_typer(review.app, name="review")
app.add_typer(installed.models_app, name="models")
app.add_typer(installed.taxonomies_app, name="taxonomies")


def main() -> NoReturn:
    """Run the command; print errors in one form and set the exit code (0 done, 1 findings, 2 not done)."""
    from tagger.errors import TaggerError

    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # the locale's encoding, as on Windows, lacks characters that we print
            stream.reconfigure(encoding="utf-8", errors=stream.errors)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that writers take their unfinished files away
    try:
        app(standalone_mode=True)
    except TaggerError as error:
        print(error.render(), file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        where = f"`{error.filename}`: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as stop:  # Typer makes 130 of an interrupt, and 1, which means findings here, of a closed pipe
        if stop.code == 130:
            print("error: stopped before the end; no file was written", file=sys.stderr)
        sys.exit(2 if stop.code == 130 or isinstance(stop.__context__, OSError) else stop.code)
    sys.exit(0)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        print(f"tagger {__version__}")
        raise typer.Exit


if __name__ == "__main__":
    main()
