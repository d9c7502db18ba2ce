"""The distributions, and the wheel in an environment of its own."""

import subprocess
import sys
import zipfile
from email import message_from_string
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "tests" / "quickstart.py"
# Loops would be compiled anew.
QUICKLY = f"""
import runpy
from pyg_hyperbolic.kernels import backend
with backend("portable"):
    runpy.run_path({str(QUICKSTART)!r})
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, which is built first."""
    folder = tmp_path_factory.mktemp("dist")
    # Without isolation: what it is built with is there, and no index is asked.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    out = subprocess.run([*command, str(ROOT)], capture_output=True, text=True)
    assert out.returncode == 0, out.stdout[-2000:] + out.stderr[-2000:]
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_wheel_has_the_package_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "pyg_hyperbolic/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"pyg_hyperbolic"}
    here = {str(p.relative_to(ROOT)) for p in (ROOT / "pyg_hyperbolic").rglob("*.py")}
    assert here <= set(names)


def required(lines: list[str]) -> set[str]:
    """Names of distributions, from lines of metadata, those of extras left out."""
    found = map(Requirement, lines)
    return {
        x.name for x in found if x.marker is None or x.marker.evaluate({"extra": ""})
    }


def installed(names: set[str]) -> dict[str, Distribution]:
    """These distributions, and all that they require."""
    out, rest = {}, set(names)
    while rest:
        found = distribution(rest.pop())
        out[found.name] = found
        rest |= required(found.requires or []) - out.keys()
    return out


def test_wheel_runs_with_its_required_dependencies_alone(
    wheel: Path, tmp_path: Path
) -> None:
    """Nothing else that is installed here can be imported there."""
    folder = tmp_path / "site-packages"
    zipfile.ZipFile(wheel).extractall(folder)
    (metadata,) = folder.glob("*.dist-info/METADATA")
    message = message_from_string(metadata.read_text())
    assert (ROOT / "README.md").read_text().strip() in message.get_payload()
    names = required(message.get_all("Requires-Dist", []))
    for found in installed(names).values():
        for top in {file.parts[0] for file in found.files or []} - {".."}:
            if not (folder / top).exists():
                (folder / top).symlink_to(found.locate_file(top))
    path = f"import sys; sys.path.append({str(folder)!r})\n"
    out = subprocess.run(
        [sys.executable, "-I", "-S", "-c", path + QUICKLY],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert out.returncode == 0, out.stderr[-2000:]
    assert "convs.1.curvature" in out.stdout
    assert 'pip install "pyg-hyperbolic[visualization]"' in out.stdout
