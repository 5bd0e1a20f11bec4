"""What is wrong or odd about a data set, in kinds: how grave, how many, which, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["KINDS", "MOST_CASES", "Case", "Finding", "Report"]

MOST_CASES = 10_000  # of one kind; more are counted, not named

# Kind: how grave, and what to do. An error stops or spoils training, a warning may, a note says what cvp handles.
KINDS: dict[str, tuple[str, str]] = {
    "unreadable": ("error", "training stops there; --fix sets them aside"),
    "truncated": ("error", "training stops there; copy or download them again, or --fix sets them aside"),
    "leakage": ("error", "val and test would be answered from memory; --fix sets aside the copies in the lesser split"),
    "label-conflict": ("error", "the same picture in two classes: move away the wrong one by hand"),
    "near-leakage": ("warning", "look-alikes on both sides make scores too good; `cvp data split --group-duplicates`"),
    "duplicate": ("warning", "they count twice; --fix keeps the first of each"),
    "imbalance": ("warning", "the rare class is hardly learned; train with --set sampling=balanced"),
    "empty-class": ("warning", "nothing is learned, or known, about it: add pictures"),
    "tiny": ("warning", "too few pixels to tell anything by"),
    "huge": ("warning", "slow, and hundreds of megabytes in memory each; save them smaller"),
    "wrong-suffix": ("warning", "cvp goes by content, other programs may not: rename them"),
    "near-duplicate": ("note", "look-alikes within a split; harmless unless they are many"),
    "rotated": ("note", "cvp turns them upright as their EXIF says, other programs may not"),
    "odd-mode": ("note", "cvp converts them; colours may shift, of several pictures in a file the first is taken"),
    "ignored-file": ("note", "not read: hidden, or not a picture by its suffix"),
}


@dataclass(frozen=True)
class Case:
    """One or several pictures (or files) that belong together, and what there is to say."""

    names: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """Of one kind: `count` pictures (classes, files), and the first MOST_CASES cases of them."""

    kind: str
    count: int
    cases: tuple[Case, ...]

    @property
    def severity(self) -> str:
        """error, warning or note."""
        return KINDS[self.kind][0]

    @property
    def advice(self) -> str:
        return KINDS[self.kind][1]

    @classmethod
    def of(cls, kind: str, count: int, cases: Iterable[Case]) -> Finding:
        """Takes no more of `cases` than are kept."""
        kept = tuple(case for case, _ in zip(cases, range(MOST_CASES), strict=False))
        return cls(kind, count, kept)


@dataclass(frozen=True)
class Report:
    """What was found in a data set of so many `pictures`, in the order of KINDS. fresh: how many were read for it."""

    name: str
    location: str
    pictures: int
    fresh: int
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Nothing would stop or spoil training."""
        return not self.of("error")

    def of(self, severity: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == severity]

    def count(self, kind: str) -> int:
        return sum(finding.count for finding in self.findings if finding.kind == kind)

    def to_json(self) -> dict[str, Any]:
        """For json.dumps."""
        findings = [
            {**asdict(finding), "severity": finding.severity, "advice": finding.advice} for finding in self.findings
        ]
        return {
            "name": self.name,
            "location": self.location,
            "pictures": self.pictures,
            "read": self.fresh,
            "sound": self.is_sound,
            "findings": findings,
        }
