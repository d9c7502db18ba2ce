"""Every public class and function, called with each thing that it can't take."""

import importlib
import re
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib import pyplot

from tests.wrong import functions, kge, layers
from tests.wrong.layers import Row

mpl.use("Agg")
TABLE: dict[str, dict[str, Row]] = {  # all but the names that GraphGym calls
    "pyg_hyperbolic": functions.of_curvatures(),
    "pyg_hyperbolic.nn": layers.rows(),
    "pyg_hyperbolic.nn.kge": kge.rows(),
    "pyg_hyperbolic.geometry": functions.of_geometry(),
    "pyg_hyperbolic.kernels": functions.of_kernels(),
    "pyg_hyperbolic.datasets": functions.of_data(),
    "pyg_hyperbolic.utils": functions.of_graphs(),
    "pyg_hyperbolic.visualization": functions.of_pictures(),
    "pyg_hyperbolic.exchange.geoopt": functions.of_geoopt(),
    "pyg_hyperbolic.exchange.hgcn": functions.of_hgcn(),
}
# They are read, not called: what functions return, and a helper of layers.
NOT_CALLED = {"CurvatureReport", "CurvatureState", "Hyperbolicity", "remembered"}
NOT_CALLED |= {"EmbeddingQuality", "HyperbolicKGEModel", "RankingMetrics"}
# They read files of which a test has none.
FILES = {"HGCNAirport", "HGCNDisease", "WordNet"}


def rows() -> list[Any]:
    return [
        pytest.param(name, *row, id=f"{module}.{name}")
        for module, table in TABLE.items()
        for name, row in table.items()
    ]


@pytest.fixture(autouse=True)
def close_pictures() -> Iterator[None]:
    yield
    pyplot.close("all")


@pytest.mark.parametrize(("name", "call", "arguments"), rows())
def test_what_is_wrong_is_named(name: str, call: Any, arguments: Any) -> None:
    given = {key: argument.good for key, argument in arguments.items()}
    failures = []
    for key, argument in arguments.items():
        for wrong, message in argument.wrong:
            pattern = message if message.startswith("'") else f"'{key}' must {message}"
            try:
                call(**{**given, key: wrong})
                said = "nothing"
            except ValueError as error:
                said = str(error)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
            if not (re.match(pattern, said, re.DOTALL) and "(got " in said):
                failures.append(f"{key} = {wrong!r}\n  said: {said}\n  not: {pattern}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize(("name", "call", "arguments"), rows())
def test_what_is_right_is_taken(name: str, call: Any, arguments: Any) -> None:
    if name in FILES:
        pytest.skip("needs files")
    given = {key: argument.good for key, argument in arguments.items()}
    call(**given)
    for key, argument in arguments.items():
        for other in argument.also:
            call(**{**given, key: other})


@pytest.mark.parametrize("module", TABLE)
def test_everything_public_is_in_the_table(module: str) -> None:
    found = importlib.import_module(module)
    own = [n for n, x in vars(found).items() if getattr(x, "__module__", "") == module]
    public = {n for n in getattr(found, "__all__", own) if not n.startswith("_")}
    public = {n for n in public if callable(getattr(found, n))} - NOT_CALLED
    assert public, module
    assert public <= {re.split(r"[.(]", name)[0] for name in TABLE[module]}
