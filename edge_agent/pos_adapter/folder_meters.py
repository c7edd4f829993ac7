"""What is counted of watched folders, and of one file of theirs."""

from __future__ import annotations

from edge_agent.pos_adapter.intake import Became
from loyalty_shell.exposition import Counter, Family


class Meters:
    """What is counted of all folders."""

    def __init__(self) -> None:
        self.files = Counter("dangol_edge_folder_files_total", "Files of the watched folder that were taken.")
        self.refusals = Counter(
            "dangol_edge_folder_refusals_total", "Refused receipts and files of the watched folder.", "code"
        )
        self.passed = Counter(
            "dangol_edge_folder_passed_total",
            "What in files is neither a receipt nor a mistake, by why.",
            "adapter",
            "reason",
        )
        self.noticed = Counter(
            "dangol_edge_folder_noticed_total",
            "Receipts of files that were taken though they look odd.",
            "adapter",
        )
        self.failures = Counter(
            "dangol_edge_folder_failures_total",
            "Looks at the watched folder or a file of it that failed.",
        )

    def families(self) -> list[Family]:
        """Return what has been counted."""
        counters = (self.files, self.refusals, self.passed, self.noticed, self.failures)
        return [one.family() for one in counters]

    def count(self, adapter: str, became: Became, tally: dict[str, int]) -> None:
        """Count what became of a row, also in the `tally` of its file."""
        what = became.became if became.kept else "unkept"
        tally[what] = tally.get(what, 0) + 1
        if became.became == "refused":
            tally["cut"] = tally.get("cut", 0) + became.is_cut
            self.refusals.add(became.code)
        elif became.became == "passed":
            self.passed.add(adapter, became.code)
        elif became.became == "recorded" and became.outcome is not None and became.outcome.notices:
            tally["noticed"] = tally.get("noticed", 0) + 1
            self.noticed.add(adapter)
