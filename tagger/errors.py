"""What goes wrong, said in one form: what, where, the value, what was expected, and a hint."""

from __future__ import annotations

__all__ = ["CatalogueError", "ModelError", "TaggerError", "TaxonomyError"]


class TaggerError(Exception):
    """An error that the user can act on.

    Parameters
    ----------
    message : str
        What is wrong, where, the offending value and what was expected, on one line.
    hint : str or None
        What to do about it.

    Examples
    --------
    >>> print(TaggerError("`courses.csv`: no such file", hint="check the path").render())
    error: `courses.csv`: no such file
    hint: check the path
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def render(self) -> str:
        """Return the two-line form that the command prints to standard error."""
        lines = [f"error: {self.message}"]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class CatalogueError(TaggerError):
    """A catalogue file that cannot be read or written at all."""


class TaxonomyError(TaggerError):
    """A taxonomy folder that is missing, incomplete or altered."""


class ModelError(TaggerError):
    """A model folder that is missing, incomplete, altered, or does not fit the taxonomy, the encoder or the program."""
