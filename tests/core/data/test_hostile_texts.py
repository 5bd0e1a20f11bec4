"""Whatever bytes stand in a list, a table or an archive: the labels that they say, or one line that says why not."""

from __future__ import annotations

import csv
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cvp_core.data import DataSplits, open_data
from cvp_core.data.members import safe_parts
from cvp_core.errors import ImageError, UserError

quick = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

# Pieces of which lists, tables and lies are made.
PIECES = st.sampled_from([
    b"cat/0.png", b"dog/0.png", b"./cat/0.png", b"cat//1.png", b"../d/cat/0.png", b"/etc/passwd", b"..", b"/", b"~",
    b"cat", b"dog", b"image", b"label", b"split", b"train", b"val", b"0", b"1", b"-1", b"99999999999999999999",
    b" ", b"\t", b",", b";", b'"', b'""', b"\n", b"\r\n", b"\r", b"#", b"=",
    b"\0", b"\x1a", b"\xff", b"\xef\xbb\xbf", "\u00e9".encode(),
])  # fmt: skip
TEXTS = st.lists(PIECES, max_size=25).map(b"".join)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """cat/0.png, cat/1.png and dog/0.png, of which only the names matter here."""
    for name in ("cat/0.png", "cat/1.png", "dog/0.png"):
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).touch()
    return tmp_path / "d"


def opened(path: Path) -> DataSplits | None:
    """The data set, or None after a fault that is one line; any other exception fails the test."""
    fault = ""
    try:
        splits = open_data(path)
    except UserError as error:
        fault = str(error)
    if fault:
        assert "\n" not in fault
        return None
    for images in (splits.train, splits.val, splits.test):
        for index in range(len(images) if images is not None else 0):
            assert 0 <= images.labels[index] < len(splits.classes)
    return splits


def check_inside(splits: DataSplits | None, root: Path) -> None:
    for images in (splits.train, splits.val, splits.test) if splits else ():
        for index in range(len(images) if images is not None else 0):
            assert Path(os.path.abspath(images.path(index))).is_relative_to(root)


@quick
@given(content=TEXTS)
@example(content=b"cat/0.png cat\n../d/dog/0.png dog\n")
@example(content=b"\xef\xbb\xbfcat/0.png cat\r\ndog/0.png dog")
def test_any_list_is_read_or_refused_in_one_line_and_never_leads_out(root: Path, content: bytes) -> None:
    (root / "list.txt").write_bytes(content)
    check_inside(opened(root / "list.txt"), root)


@quick
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["cat/0.png", "cat/1.png", "dog/0.png"]), st.sampled_from(["a", "b c", "ü", "7", "#"])
        ),
        min_size=1,
        max_size=8,
    ),
    separator=st.sampled_from([" ", "\t", "  ", " \t"]),
    end=st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_a_list_says_exactly_the_labels_that_stand_in_it(
    root: Path, rows: list[tuple[str, str]], separator: str, end: str
) -> None:
    joint = "\t" if "\t" in separator else " "
    rows = [(path, label if joint == "\t" else label.replace(" ", "_")) for path, label in rows]
    (root / "list.txt").write_text(end.join(f"{path}{separator}{label}" for path, label in rows), newline="")
    splits = opened(root / "list.txt")
    if splits is None:
        assert len({label for _, label in rows}) == 1  # nothing to tell apart
        return
    said = [
        (os.path.relpath(splits.train.path(index), root), splits.classes[splits.train.labels[index]])
        for index in range(len(splits.train))
    ]
    assert said == rows


@quick
@given(content=TEXTS, suffix=st.sampled_from([".csv", ".tsv"]), has_header=st.booleans())
def test_any_table_is_read_or_refused_in_one_line_and_never_leads_out(
    root: Path, content: bytes, suffix: str, has_header: bool
) -> None:
    header = b"image,label,split\n" if suffix == ".csv" else b"image\tlabel\n"
    (root / f"table{suffix}").write_bytes((header if has_header else b"") + content)
    check_inside(opened(root / f"table{suffix}"), root)


@quick
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["cat/0.png", "cat/1.png", "dog/0.png"]),
            st.sampled_from(["train", "Val", "testing"]),
            st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=8).filter(str.strip),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_table_says_exactly_the_labels_and_splits_that_stand_in_it(
    root: Path, rows: list[tuple[str, str, str]]
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("image", "split", "label"), *rows])
    (root / "table.csv").write_bytes(text.getvalue().encode())
    splits = opened(root / "table.csv")
    by_split = {
        name: [(p, label.strip()) for p, said, label in rows if said == name] for name in ("train", "Val", "testing")
    }
    known = {label for _, label in by_split["train"]}
    if splits is None:
        assert len(known) < 2 or any(label.strip() not in known for _, _, label in rows)
        return
    for images, name in ((splits.train, "train"), (splits.val, "Val"), (splits.test, "testing")):
        said = [
            (os.path.relpath(images.path(index), root), splits.classes[images.labels[index]])
            for index in range(len(images) if images is not None else 0)
        ]
        assert said == by_split[name]


NAMES = st.lists(
    st.sampled_from(
        ["cat", "dog", "..", ".", "", "a.png", "b.png", "c:", "\\..\\x", "ü", "x" * 300, "train", "__MACOSX"]
    ),
    min_size=1,
    max_size=6,
).map("/".join)


@quick
@given(names=st.lists(NAMES, max_size=8, unique=True), kind=st.sampled_from(["zip", "tar"]))
def test_members_of_any_name_stay_inside(root: Path, names: list[str], kind: str) -> None:
    path = root / f"odd.{kind}"
    names = [*names, "cat/a.png", "dog/b.png"]
    with zipfile.ZipFile(path, "w") if kind == "zip" else tarfile.open(path, "w") as archive:
        for name in dict.fromkeys(name for name in names if name):
            archive.writestr(name, b"x") if kind == "zip" else archive.addfile(tarfile.TarInfo(name))
    splits = opened(path)
    if splits is None:
        return
    for index in range(len(splits.train)):
        name = splits.train.name(index).removeprefix(f"{path}/")
        assert safe_parts(name) == tuple(name.split("/"))
        assert not {"..", ""} & set(name.split("/"))
        assert splits.classes[splits.train.labels[index]] in name.split("/")


def archive(kind: str) -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        if kind == "zip"
        else tarfile.open(fileobj=file, mode="w") as out
    ):
        for name in ("cat/0.png", "dog/0.png", "dog/1.png"):
            member = tarfile.TarInfo(name)
            member.size = 40
            content = f"{name}\n".encode() * 4
            out.writestr(name, content) if kind == "zip" else out.addfile(member, io.BytesIO(content))
    return file.getvalue()


ARCHIVES = {kind: archive(kind) for kind in ("zip", "tar")}


@quick
@given(
    kind=st.sampled_from(["zip", "tar"]),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6),
    kept=st.sampled_from([1.0, 1.0, 0.9, 0.4]),
)
def test_a_damaged_archive_gives_what_was_packed_or_says_that_it_is_damaged(
    root: Path, kind: str, changes: list[tuple[float, int]], kept: float
) -> None:
    content = bytearray(ARCHIVES[kind])
    for place, value in changes:
        content[int(place * (len(content) - 1))] = value
    path = root / f"damaged.{kind}"
    path.write_bytes(content[: int(kept * len(content))])
    splits = opened(path)
    for index in range(len(splits.train) if splits else 0):
        try:
            found = splits.train.content(index)  # type: ignore[union-attr]
        except ImageError:
            continue
        if kind == "zip":  # which has checksums; a tar cannot tell
            assert found in {f"{name}\n".encode() * 4 for name in ("cat/0.png", "dog/0.png", "dog/1.png")}


@quick
@given(
    content=st.binary(max_size=200), suffix=st.sampled_from(["zip", "tar", "tar.gz", "tar.xz", "tar.bz2", "parquet"])
)
@example(content=b"PAR1\0\0\0\0PAR1", suffix="parquet")
@example(content=b"\x1f\x8b\x08\0\0\0\0\0\0\xff", suffix="tar.gz")
def test_what_is_no_archive_is_refused_in_one_line(root: Path, content: bytes, suffix: str) -> None:
    (root / f"x.{suffix}").write_bytes(content)
    assert opened(root / f"x.{suffix}") is None
