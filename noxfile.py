"""Tests with other versions than those of ``make test``: ``nox -l`` lists them.

``nox -s "pinned-3.12(plain)"`` runs one session; what follows ``--`` is for pytest. A
Python that is not found is skipped; on a service for continuous integration it fails.
"""

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = []  # all of them would take a day

PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
# The lower bounds have no wheels for newer ones: numpy 1.26 and numba 0.60.
LOWEST_PYTHONS = PYTHONS[:3]
BUILT = {"scatter": ["torch_scatter"], "sampling": ["torch_scatter", "torch_sparse"]}
FACTORS = ["plain", *BUILT, "without_numba"]
TESTS = ["tests/curvature", "tests/geometry", "tests/nn", "tests/utils"]
LOOPS = ["tests/kernels"]
NIGHTLY = "https://download.pytorch.org/whl/nightly/cpu"
PYG = "torch_geometric @ git+https://github.com/pyg-team/pytorch_geometric.git"
NO_NUMBA = "ignore:pyg_hyperbolic computes without Numba:UserWarning"

if shutil.which("pyenv"):  # it shows all of its Pythons only where it is told of all
    found = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True)
    os.environ["PYENV_VERSION"] = ":".join(found.stdout.decode().split())

factors = nox.parametrize("factor", FACTORS, ids=FACTORS)


@nox.session(python=LOWEST_PYTHONS)
@factors
def lowest(session: nox.Session, factor: str) -> None:
    """The oldest versions that pyproject.toml allows."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    versions = [line.replace(">=", "==") for line in project["dependencies"]]
    check(session, factor, *versions)


@nox.session(python=PYTHONS)
@factors
def pinned(session: nox.Session, factor: str) -> None:
    """The versions of constraints.txt."""
    check(session, factor, "-c", "constraints.txt")


@nox.session(python=PYTHONS)
@factors
def newest(session: nox.Session, factor: str) -> None:
    """The newest releases."""
    check(session, factor, "--upgrade")


@nox.session(python=PYTHONS)
@factors
def prerelease(session: nox.Session, factor: str) -> None:
    """Tonight's PyTorch, and PyTorch Geometric as it is in its repository."""
    session.install("--pre", "torch", "--index-url", NIGHTLY)
    check(session, factor, PYG)


@nox.session
def coverage(session: nox.Session) -> None:
    """Which lines and branches of the package the whole suite runs."""
    session.install("-c", "constraints.txt", "-e", ".[test]", "pytest-cov")
    arguments = session.posargs or ["-n", "2", "--dist", "loadfile"]
    session.run(
        *["python", "-m", "pytest", "--cov", "--cov-report=term-missing", *arguments],
        env={"OMP_NUM_THREADS": "1"},
    )


@nox.session
def build(session: nox.Session) -> None:
    """Makes the distributions in dist/, once for all systems."""
    session.install("build", "twine")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build")
    session.run("python", "-m", "twine", "check", "--strict", *map(str, _dist("*")))


@nox.session(python=PYTHONS)
def quickstart(session: nox.Session) -> None:
    """Installs the wheel in dist/ with what it requires, and trains with it."""
    (wheel,) = _dist("*.whl")
    session.install(str(wheel))
    # Isolated, so that the package is the installed one.
    session.run("python", "-I", "-m", "pyg_hyperbolic.info")
    session.run("python", "-I", "tests/quickstart.py")


@nox.session
def tag(session: nox.Session) -> None:
    """Checks that a tag, such as v0.2.0, may become a release."""
    session.run("python", ".ci/release.py", *session.posargs)


def check(session: nox.Session, factor: str, *versions: str) -> None:
    """Installs the package with these versions and tests it."""
    session.install(*versions, ".[unit]")
    if factor in BUILT:
        # Their builds want the torch that is there.
        session.install(*versions, "setuptools", "wheel")
        session.install(*versions, "--no-build-isolation", *BUILT[factor])
    tests, warnings = [*TESTS, *LOOPS], []
    if factor == "without_numba":
        session.run("python", "-m", "pip", "uninstall", "-y", "numba", "llvmlite")
        tests, warnings = TESTS, ["-W", NO_NUMBA]
    session.run("python", "-m", "pyg_hyperbolic.info")
    arguments = session.posargs or ["-n", "2", *tests]
    session.run(
        *["python", "-m", "pytest", *warnings, *arguments],
        env={"OMP_NUM_THREADS": "1"},
    )


def _dist(pattern: str) -> list[Path]:
    return sorted(Path("dist").glob(pattern))
