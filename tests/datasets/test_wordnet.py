import gzip
import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch

from pyg_hyperbolic.datasets import WordNet, published_files, wordnet

# A file in the database's format: its licence, two hypernyms of one synset, an
# instance, relations of another kind, and a synset of 16 words, a number in base 16.
MANY = " ".join(f"word_{i} 0" for i in range(16))
LINES = f"""  1 This software and database is being provided to you
  2 under the following license.
00000100 03 n 01 entity 0 001 ~ 00000200 n 0000 | that which is | perceived
00000200 05 n 02 mammal 0 mammalian 1 002 @ 00000100 n 0000 + 00000900 v 0101 | warm
00000300 05 n 10 {MANY} 001 @ 00000200 n 0000 | many words
00000400 05 n 01 guard_dog 0 003 @ 00000300 n 0000 @ 00000500 n 0000 #p 00000100 n 0 | x
00000500 18 n 01 guard 0 001 @ 00000100 n 0000 | who guards
00000600 18 n 01 Laika 0 001 @i 00000400 n 0000 | a dog in space
""".encode()
DIRECT = {(1, 0), (2, 1), (3, 2), (3, 4), (4, 0), (5, 3)}
CLOSURE = DIRECT | {(2, 0), (3, 1), (3, 0), (5, 2), (5, 1), (5, 4), (5, 0)}
NAMES = ["entity", "mammal", "word 0", "guard dog", "guard", "Laika"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """These lines are published, and no system has a file of its own."""
    digest = hashlib.sha256(LINES).hexdigest()
    monkeypatch.setattr(wordnet, "SHA256", {"data.noun": digest})
    monkeypatch.setattr(wordnet, "NUM_SYNSETS", {"data.verb": 6})
    monkeypatch.setattr(wordnet, "SYSTEM", str(tmp_path / "system"))


def put(path: Path, content: bytes = LINES) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def edges(data: Any) -> set[tuple[int, ...]]:
    pairs = [tuple(pair) for pair in data.edge_index.t().tolist()]
    assert len(set(pairs)) == len(pairs) == data.num_edges
    return set(pairs)


@pytest.mark.parametrize(
    "place",
    [
        "root/raw/data.noun",
        "root/raw/data.noun.gz",
        "root/data.noun",
        "root/data.noun.gz",
        "system/data.noun",
    ],
)
def test_files_are_found_and_read(place: str, tmp_path: Path) -> None:
    put(tmp_path / place)
    for closure, expected in ((True, CLOSURE), (False, DIRECT)):
        for _ in range(2):  # the second time from processed/
            data: Any = WordNet(tmp_path / "root", closure=closure)[0]
            assert edges(data) == expected and data.num_nodes == 6
            assert data.name == NAMES
    assert (tmp_path / "root/processed").exists() == place.startswith("root/raw")


def test_mammals_are_what_is_below_mammal(tmp_path: Path) -> None:
    put(tmp_path / "data.noun")
    data: Any = WordNet(tmp_path, "mammals")[0]
    assert data.name == ["mammal", "word 0", "guard dog", "Laika"]
    assert edges(data) == {(1, 0), (2, 1), (2, 0), (3, 2), (3, 1), (3, 0)}
    assert edges(WordNet(tmp_path, "mammals", closure=False)[0]) == {
        (1, 0), (2, 1), (3, 2)
    }  # fmt: skip


def test_verbs_have_no_checksum(tmp_path: Path) -> None:
    put(tmp_path / "data.verb")
    data: Any = WordNet(tmp_path, "verbs")[0]
    assert edges(data) == CLOSURE


def test_an_archive_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("wordnet/data.noun", LINES)
    fetch = Mock(return_value=buffer.getvalue())
    monkeypatch.setattr(published_files, "fetch", fetch)
    data: Any = WordNet(tmp_path)[0]
    assert edges(data) == CLOSURE
    fetch.assert_called_once_with(f"{wordnet.URL}/wordnet.zip")
    assert (tmp_path / "raw" / "data.noun").read_bytes() == LINES
    with pytest.raises(OSError, match=r"no archive.*get 'wordnet/data.verb' of 'word"):
        WordNet(tmp_path, "verbs")


OTHER = LINES.replace(b"00000600", b"00000601")
FIVE = LINES.replace(b"00000600", b"  000600")
LOST = LINES.replace(b"@i 00000400", b"@i 00000401")
NONE = ": not a file of WordNet's"
WRONG = {
    "another one": ("data.noun", OTHER, " is not the published file"),
    "half": ("data.noun.gz", gzip.compress(LINES)[:-9], " is not a whole gzip file"),
    "a synset less": ("data.verb", FIVE, r": expected 6 synsets \(got 5\); delete"),
    "a page": ("data.verb", b"<html>", NONE),
    "a lost hypernym": ("data.verb", LOST, NONE),
    "not ASCII": ("data.verb", "é".encode(), NONE),
    "cut off": ("data.verb", LINES[:-60], NONE),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_named(what: str, tmp_path: Path) -> None:
    file, content, text = WRONG[what]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ValueError, match=f"{file}{text}"):
        WordNet(tmp_path, "verbs" if file == "data.verb" else "nouns")


def test_ancestors_of_a_deep_chain() -> None:
    above = [[i + 1] for i in range(2000)] + [[]]
    assert [len(row) for row in wordnet.ancestors(above)] == list(range(2000, -1, -1))


def test_the_published_file(
    monkeypatch: pytest.MonkeyPatch, published: Callable[[str], Path]
) -> None:
    monkeypatch.undo()
    root = published("wordnet")
    content = gzip.decompress((root / "data.noun.gz").read_bytes())
    names, above = wordnet.read_synsets(content)
    rows = wordnet.ancestors(above)
    assert len(names) == 82115
    assert (sum(map(len, above)), sum(map(len, rows))) == (84427, 743241)
    dog = names.index("dog")
    assert {"canine", "mammal", "entity"} <= {names[i] for i in rows[dog]}
    mammals: Any = WordNet(root, "mammals")[0]
    assert (mammals.num_nodes, mammals.num_edges) == (1182, 6542)
    assert torch.unique(mammals.edge_index[0]).numel() == 1181  # all but "mammal"
