"""The report of a run: one HTML file that needs nothing else, to look at, to print and to send to somebody."""

from __future__ import annotations

from .facts import ReportFacts, Timing
from .page import write_report
from .run import report_run

__all__ = ["ReportFacts", "Timing", "report_run", "write_report"]
