"""Whether a data set is sound: what its pictures hold, which are copies of one another, and how to put it right."""

from __future__ import annotations

from .examine import Examination, examine, known_findings
from .findings import Case, Finding, Report

__all__ = ["Case", "Examination", "Finding", "Report", "examine", "known_findings"]
