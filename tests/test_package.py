"""The distributions, and the wheel in an environment of its own."""

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "tests" / "quickstart.py"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    # Without isolation: what it is built with is there, and no index is asked.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    out = subprocess.run([*command, str(ROOT)], capture_output=True, text=True)
    assert out.returncode == 0, out.stdout[-2000:] + out.stderr[-2000:]
    return folder


def test_wheel_has_the_package_alone(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "pyg_hyperbolic/py.typed" in names
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"pyg_hyperbolic"}
    here = {str(p.relative_to(ROOT)) for p in (ROOT / "pyg_hyperbolic").rglob("*.py")}
    assert here <= set(names)


def test_sdist_can_be_built_from(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE"} <= names


@pytest.mark.timeout(900)
def test_wheel_runs_with_its_required_dependencies_alone(
    built: Path, tmp_path: Path
) -> None:
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env" / "bin" / "python")
    install = [python, "-m", "pip", "install", "-q", str(wheel)]
    out = subprocess.run(
        [*install, "-c", str(ROOT / "constraints.txt")], capture_output=True, text=True
    )
    offline = ("No matching distribution", "Failed to establish a new connection")
    if out.returncode and any(words in out.stderr for words in offline):
        pytest.skip("no package index to install the dependencies from")
    assert out.returncode == 0, out.stderr[-2000:]
    # Isolated, so that the package is the installed one.
    out = subprocess.run(
        [python, "-I", str(QUICKSTART)], cwd=tmp_path, capture_output=True, text=True
    )
    assert out.returncode == 0, out.stderr[-2000:]
    assert "convs.1.curvature" in out.stdout
    assert 'pip install "pyg-hyperbolic[visualization]"' in out.stdout
