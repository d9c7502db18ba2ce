"""Checks that a tag may become a release: ``python .ci/release.py v0.2.0``.

It has to be the version of pyproject.toml, which the changelog and CITATION.cff know.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def version() -> str:
    """The version of pyproject.toml, the one place where it is decided."""
    return _find(r'^version = "(.+?)"', "pyproject.toml")


def problems(tag: str) -> list[str]:
    """What is wrong with a tag, a sentence each."""
    out = []
    if tag != f"v{version()}":
        out.append(f"The tag is {tag}, the version of pyproject.toml {version()}.")
    number = re.escape(tag.removeprefix("v"))
    dated = _find(rf"^## \[{number}\] - (\d{{4}}-\d\d-\d\d)$", "CHANGELOG.md")
    if not dated:
        out.append(f"CHANGELOG.md has no dated section for {tag}.")
    cited = _find(r"^version: (.+)$", "CITATION.cff")
    day = _find(r"^date-released: (.+)$", "CITATION.cff")
    if (f"v{cited}", day) != (tag, dated):
        out.append(f"CITATION.cff has {cited} of {day}, not {tag} of {dated or '?'}.")
    return out


def _find(pattern: str, file: str) -> str:
    found = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


if __name__ == "__main__":
    sys.exit("\n".join(problems(*sys.argv[1:])) or None)
