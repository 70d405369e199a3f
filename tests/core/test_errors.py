from __future__ import annotations

import inspect
import re

import pytest

from core import errors
from core.errors import InputError, PortTakenError, ServedeckError

KINDS = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, ServedeckError)]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("Not a number.", remedy="Use 8192.", field="dtype"), "dtype: Not a number. Use 8192."),
        (InputError("The engine is wrong.", field="engine"), "The engine is wrong."),
        (InputError("Two\nlines.\n", remedy="  Mend\tthem. "), "Two lines. Mend them."),
        (
            PortTakenError("Port 8000 is taken.", port=8000, holder="nginx (pid 3)"),
            "Port 8000 is taken.",
        ),
    ],
)
def test_an_error_is_one_line_with_its_field_and_remedy(error: ServedeckError, line: str) -> None:
    assert error.line == line
    assert "\n" not in error.line


def test_details_stay_out_of_the_line() -> None:
    assert InputError("Wrong.", details="a long traceback").line == "Wrong."


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn = set(re.findall(r"\b[A-Z]\w+Error\b", errors.__doc__))
    assert drawn == {each.__name__ for each in KINDS}


def test_every_kind_can_be_made_with_a_message_and_a_remedy() -> None:
    for kind in KINDS:
        extra = {"port": 1} if kind is PortTakenError else {}
        error = kind("What.", remedy="Do.", **extra)
        assert (error.message, error.remedy, str(error)) == ("What.", "Do.", "What.")
