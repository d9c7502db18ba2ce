"""What a release needs fits together: version, changelog, citation, workflows."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.scripts import load_script

ROOT = Path(__file__).parents[1]
YAML = sorted((ROOT / ".github").rglob("*.yml"))
WORKFLOWS = [path for path in YAML if path.parent.name == "workflows"]


@pytest.fixture
def release() -> ModuleType:
    return load_script(ROOT / ".ci/release.py")


def test_the_version_of_pyproject_may_be_released(release: ModuleType) -> None:
    assert release.problems(f"v{release.version()}") == []


def test_what_does_not_fit_a_tag_is_named(release: ModuleType) -> None:
    tag, changelog, citation = release.problems("v99.0")
    assert "The tag is v99.0, the version of pyproject.toml" in tag
    assert changelog == "CHANGELOG.md has no dated section for v99.0."
    assert citation.startswith("CITATION.cff has ")


def test_a_section_without_a_date_is_none(
    release: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text('version = "1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text("## [1.0]\n\n## [0.1.0] - 2026-11-23\n")
    (tmp_path / "CITATION.cff").write_text("version: 1.0\ndate-released: 2027-01-01\n")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    assert [line.split()[0] for line in release.problems("v1.0")] == [
        "CHANGELOG.md",
        "CITATION.cff",
    ]


def test_the_changelog_has_upgrade_notes_and_a_section_of_what_comes() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    sections = re.split(r"^## \[(.+?)\].*$", text, flags=re.MULTILINE)[1:]
    names, bodies = sections[::2], sections[1::2]
    assert names[0] == "Unreleased"
    assert "### Upgrade notes" in bodies[names.index("0.2.0")]


def test_users_find_the_project() -> None:
    text = (ROOT / "pyproject.toml").read_text().split("[project.urls]\n")[1]
    urls = dict(re.findall(r'^(\w+) = "(https://.+)"$', text.split("\n\n")[0], re.M))
    assert urls.keys() >= {"Homepage", "Changelog", "Issues"}
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["repository-code"] == urls["Homepage"]
    for path in (ROOT / "SECURITY.md", *YAML):
        text = path.read_text()
        for url in re.findall(r"https://github\.com/[\w./-]+", text):
            assert url.startswith(urls["Homepage"] + "/"), f"{path}: {url}"
        assert path.suffix == ".md" or isinstance(yaml.safe_load(text), dict), path


def sessions() -> set[str]:
    """Names of nox sessions, which nox itself need not be there to read."""
    text = (ROOT / "noxfile.py").read_text()
    return set(re.findall(r"^@nox\.session.*\n(?:@.*\n)*def (\w+)", text, re.M))


def called(job: dict[str, Any]) -> list[str]:
    """The commands of a job, with each session of its matrix."""
    matrix = job.get("strategy", {}).get("matrix", {})
    several = [*matrix.get("session", []), *matrix.get("include", [])]
    names = [x if isinstance(x, str) else x["session"] for x in several]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    return [
        command.replace("${{ matrix.session }}", name)
        for command in commands
        for name in (names if "matrix.session" in command else [""])
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_what_there_is(path: Path) -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    commands = [command for job in jobs for command in called(job)]
    for command in commands:
        tool, *words = command.replace('"', "").split()
        if tool == "make":
            assert words[0] in targets
        elif tool == "nox":
            name = re.fullmatch(r"(\w+)(-3\.\d+)?(\(\w+\))?", words[1])
            assert words[0] == "-s" and name and name[1] in sessions(), command
        else:
            assert command == "python -m pip install nox"
    for step in (step for job in jobs for step in job["steps"] if "uses" in step):
        assert re.fullmatch(r"[\w/-]+@(v\d+|release/v1)", step["uses"])
