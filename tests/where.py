"""Loops over values within one case, whose failures name the value."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch

Test = Callable[..., None]


def each(names: str | tuple[str, ...], values: Iterable[Any]) -> Callable[[Test], Test]:
    """Runs a test for each value, from the seed on, as one case.

    As ``pytest.mark.parametrize``, for values that are quickly done with: a case of its
    own would take longer than the test itself.
    """
    keys = (names,) if isinstance(names, str) else names
    rows = [(value,) if isinstance(names, str) else value for value in values]

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def run(**given: Any) -> None:
            for row in rows:
                torch.manual_seed(12345)
                some = dict(zip(keys, row, strict=True))
                try:
                    test(**given, **some)
                except (AssertionError, pytest.fail.Exception) as error:
                    where = ", ".join(f"{key} = {x}" for key, x in some.items())
                    raise AssertionError(f"at {where}: {error}") from error

        signature = inspect.signature(test)
        rest = [p for name, p in signature.parameters.items() if name not in keys]
        vars(run)["__signature__"] = signature.replace(parameters=rest)
        return run

    return decorate
