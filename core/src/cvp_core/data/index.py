"""What the folders of a data set showed when they were last read, kept in the user's cache.

A folder whose times have not changed holds the same names, so opening a million pictures again asks the disk about a
thousand folders. A picture that changes under its name changes no folder and needs not be seen here: names alone are
kept, and what depends on pixels looks at the file itself (`FileSet.stamp`). Not trusted, and so read every time, is a
folder that was changed within two seconds before it was read (its clock may be that coarse, and hide one more change),
one with a link that leads nowhere at present, one without a time, and one on a disk that a program provides (FUSE),
such as an object store's, whose folders may never change their times.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import CvpError
from ..places import user_cache
from .image import IMAGE_SUFFIXES
from .walk import JUNK, Listing, read_folder

__all__ = ["FolderIndex"]

_WORTH = 10_000  # pictures: fewer are found within 50 ms
_ROOM = 1 << 30  # bytes of all indices; one of a million pictures has about 25 million
_COARSE_NS = 2_000_000_000  # FAT's clock
_MOUNTS = Path("/proc/self/mountinfo")

# An index of another version, or from when other files were pictures, says nothing.
_FORMAT = hashlib.blake2b(repr(("cvp folders 1", sorted(IMAGE_SUFFIXES), sorted(JUNK))).encode(), digest_size=16)
_DIGEST = 16

_STAMP = struct.Struct("<Qqq")  # a folder's inode, when its names changed (ns), when anything about it did (ns)
_HEAD = struct.Struct("<3Q")  # rows, bytes of the folders' paths, bytes of the names of folders in them
# For each folder the bytes of the names of its folders and of its pictures, and how many pictures these are.
_ROW = np.dtype([("stamp", f"V{_STAMP.size}"), ("folders", "<i8"), ("pictures", "<i8"), ("count", "<i8")])


class FolderIndex:
    """Listings of the folders below `root`: those from before where nothing has changed, else the disk's.

    A damaged index, or one that cannot be written, costs time and nothing else.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = user_cache("folders") / f"{_digest(os.fsencode(root.resolve())).hex()}.index"
        self._known = _Known.read(self.path)
        self._seen: dict[str, tuple[bytes, Listing]] = {}
        self._has_news = False
        self._fickle = _fickle_disks()

    def listing(self, folder: str, status: os.stat_result) -> Listing:
        """What `folder`, by its path relative to the root, shows. Raises DataError if it cannot be read."""
        # Unpacking a tar sets the time of the names back; nothing sets back the other.
        stamp = _STAMP.pack(status.st_ino & (1 << 64) - 1, status.st_mtime_ns, status.st_ctime_ns)
        listing = self._known.listing(folder, stamp)
        if listing is None:
            has_settled = 0 < status.st_mtime_ns < time.time_ns() - _COARSE_NS and status.st_dev not in self._fickle
            listing = read_folder(self.root / folder)
            if not (has_settled and listing.is_settled):
                return listing
            self._has_news = True
        self._seen[folder] = stamp, listing
        return listing

    def keep(self) -> None:
        """Writes what was seen if there is news and it is worth it; other roots' that were not used for long go."""
        if not self._has_news:
            with contextlib.suppress(OSError):
                os.utime(self.path)  # it was used
            return
        if sum(listing.count for _, listing in self._seen.values()) < _WORTH:
            return
        from ..weights.atomic import write_atomically

        with contextlib.suppress(CvpError, OSError):
            write_atomically(self.path, _packed(self._seen))
            _make_room(self.path)


class _Known:
    """An index as it was read."""

    def __init__(self, body: memoryview) -> None:
        count, path_bytes, folder_bytes = _HEAD.unpack_from(body)
        rows = np.frombuffer(body, _ROW, count, _HEAD.size)
        start = _HEAD.size + rows.nbytes
        paths = os.fsdecode(bytes(body[start : start + path_bytes])).split("\0")
        self._rows = {path: row for row, path in enumerate(paths[:-1])}
        self._stamps, self._counts = rows["stamp"], rows["count"]
        self._folders = _Pieces(body, start + path_bytes, rows["folders"])
        self._pictures = _Pieces(body, start + path_bytes + folder_bytes, rows["pictures"])

    @classmethod
    def read(cls, path: Path) -> _Known:
        """What the file says; nothing where it is not there, damaged or of another version."""
        with contextlib.suppress(OSError):
            content = memoryview(path.read_bytes())
            body = content[2 * _DIGEST :]
            if content[: 2 * _DIGEST] == _FORMAT.digest() + _digest(body):
                return cls(body)
        return cls(memoryview(_HEAD.pack(0, 0, 0)))

    def listing(self, folder: str, stamp: bytes) -> Listing | None:
        row = self._rows.get(folder)
        if row is None or self._stamps[row].tobytes() != stamp:
            return None
        folders = os.fsdecode(bytes(self._folders[row])).split("\0")[:-1]
        return Listing(tuple(folders), self._pictures[row], int(self._counts[row]))


class _Pieces:
    """Pieces of bytes that follow one another, by number; nothing is copied."""

    def __init__(self, content: memoryview, start: int, sizes: np.ndarray) -> None:
        self._content, self._sizes, self._ends = content, sizes, start + np.cumsum(sizes)

    def __getitem__(self, number: int) -> memoryview:
        end = int(self._ends[number])
        return self._content[end - int(self._sizes[number]) : end]


def _packed(seen: dict[str, tuple[bytes, Listing]]) -> bytes:
    """The content of an index."""
    paths = _texts(seen)
    folders = [_texts(listing.folders) for _, listing in seen.values()]
    pictures = [listing.pictures for _, listing in seen.values()]
    rows = np.empty(len(seen), _ROW)
    rows["stamp"] = np.frombuffer(b"".join(stamp for stamp, _ in seen.values()), _ROW["stamp"])
    rows["folders"] = [len(names) for names in folders]
    rows["pictures"] = [len(names) for names in pictures]
    rows["count"] = [listing.count for _, listing in seen.values()]
    head = _HEAD.pack(len(rows), len(paths), int(rows["folders"].sum()))
    body = [head, rows.tobytes(), paths, *folders, *pictures]
    return b"".join([_FORMAT.digest(), _digest(*body), *body])


def _texts(texts: Iterable[str]) -> bytes:
    """Each with a zero byte after it."""
    return os.fsencode("\0".join([*texts, ""]))


def _digest(*parts: bytes | memoryview) -> bytes:
    digest = hashlib.blake2b(digest_size=_DIGEST)
    for part in parts:
        digest.update(part)
    return digest.digest()


def _make_room(own: Path) -> None:
    """Removes the indices that were not used for longest, until the others and `own` fit."""
    found = [(path.stat().st_mtime_ns, path.stat().st_size, path) for path in own.parent.glob("*.index")]
    taken = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if taken > _ROOM and path != own:
            path.unlink(missing_ok=True)
            taken -= size


def _fickle_disks() -> frozenset[int]:
    """Devices of disks that a program provides (FUSE), where Linux names them; of these, NTFS does keep times."""
    devices = set()
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _MOUNTS.read_text(errors="replace").splitlines():
            mount, _, source = line.partition(" - ")
            if source.startswith("fuse") and not source.startswith("fuseblk "):
                major, minor = mount.split()[2].split(":")
                devices.add(os.makedev(int(major), int(minor)))
    return frozenset(devices)
