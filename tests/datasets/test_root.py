from pathlib import Path

import pytest

from pyg_hyperbolic.datasets import data_root
from tests.where import each


def test_given_root_wins_over_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYG_HYPERBOLIC_DATA", "/from/environment")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_root("/given") == data_root(Path("/given")) == Path("/given")
    assert data_root() == Path("/from/environment")
    assert data_root("~/data") == tmp_path / "data"
    assert not list(tmp_path.iterdir())  # nothing is created


@each("empty", [None, ""])
def test_default_is_in_the_user_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty: str | None
) -> None:
    for name in ("PYG_HYPERBOLIC_DATA", "XDG_CACHE_HOME"):
        if empty is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, empty)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_root() == tmp_path / ".cache" / "pyg_hyperbolic"

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert data_root() == tmp_path / "xdg" / "pyg_hyperbolic"
