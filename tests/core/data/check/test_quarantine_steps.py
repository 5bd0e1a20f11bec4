"""Files written, set aside and interrupted in any order: none is lost, none overwritten."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvp_core.data.check.quarantine import quarantine_of, restore, set_aside
from cvp_core.data.check.surplus import Surplus
from cvp_core.errors import DataError

NAMES = st.sampled_from([f"{folder}{name}" for folder in ("", "x/", "x/y/") for name in ("a.png", "b", "a (2).png")])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), NAMES),
        st.tuples(st.just("aside"), st.sets(NAMES)),
        st.tuples(st.just("interrupted"), st.sets(NAMES)),
    ),
    max_size=8,
)


def files_in(folder: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "manifest.jsonl")


@settings(deadline=None, max_examples=80)
@given(STEPS)
def test_no_file_is_ever_lost_or_overwritten(steps: list) -> None:
    """Files are written, set aside and written anew; after undoing, each content is somewhere, if need be aside."""
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        root = Path(place, "d")
        root.mkdir()
        contents: set[bytes] = set()
        real = os.rename
        for number, (what, names) in enumerate(steps):
            if what == "write":
                path = root / names
                if path.exists():
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"%d" % number)
                contents.add(b"%d" % number)
            else:
                moves = [Surplus(str(root / name), "") for name in sorted(names)]
                left = len(moves) // 2 if what == "interrupted" else len(moves)
                done = iter(range(left))

                def rename(source: Path, target: Path, done=done) -> None:
                    if next(done, None) is None:
                        raise KeyboardInterrupt
                    real(source, target)

                patch.setattr(os, "rename", rename)
                with contextlib.suppress(KeyboardInterrupt):
                    set_aside(root, moves)
                patch.setattr(os, "rename", real)
        try:
            restored = restore(root)
        except DataError:
            restored = None
        aside = quarantine_of(root)
        both = [files_in(folder) for folder in (root, aside) if folder.exists()]
        assert sorted(content for each in both for content in each) == sorted(contents)
        if restored is not None and not restored.left:
            assert not aside.exists()
