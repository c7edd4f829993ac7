"""What `./dev mutants` makes of mutmut's answers."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.mutants.__main__ import LIST, main
from tests.mutants.verdict import BadExplanations, Change, change_of, explanations, judge, module_of

DIFF = """\
# loyalty_core.tiers.x_gap__mutmut_3: survived
--- loyalty_core/tiers.py
+++ loyalty_core/tiers.py
@@ -1,4 +1,4 @@
 def gap(total, ladder):
-    if total < 0:
+    if total <= 0:
         return None
"""
GAP = Change("tiers.gap", "if total < 0:", "if total <= 0:")
ENTRY = """
[[change]]
where = "tiers.gap"
before = "if total < 0:"
after = "if total <= 0:"
why = "No total is 0 here."
"""


def test_a_change_is_known_by_its_function_and_its_lines() -> None:
    assert change_of("loyalty_core.tiers.x_gap__mutmut_3", DIFF) == GAP
    assert change_of("loyalty_core.tiers.x_gap__mutmut_8", DIFF) == GAP
    assert change_of("loyalty_core.accrual.xǁ_Dayǁ_earn__mutmut_65", DIFF).where == "accrual._Day._earn"
    assert change_of("loyalty_core.lots.x__age__mutmut_1", DIFF).where == "lots._age"
    assert module_of("loyalty_core.lots.x__age__mutmut_1") == "lots"


def test_a_line_that_was_taken_out_has_nothing_after_it() -> None:
    assert change_of("loyalty_core.tiers.x_gap__mutmut_3", "--- a\n+++ b\n-   one,\n") == Change(
        "tiers.gap", "one,", ""
    )


def test_what_slips_through_must_be_explained_and_explanations_must_be_needed() -> None:
    assert judge([GAP], Counter([GAP]), ["tiers"]) == ([], [])
    assert judge([GAP], Counter(), ["tiers"]) == ([GAP], [])
    assert judge([], Counter([GAP]), ["tiers"]) == ([], [GAP])
    assert judge([], Counter([GAP]), ["entries"]) == ([], [])


def test_one_explanation_explains_one_change() -> None:
    assert judge([GAP, GAP], Counter([GAP]), ["tiers"]) == ([GAP], [])
    assert judge([GAP, GAP], Counter([GAP, GAP]), ["tiers"]) == ([], [])


def test_explanations_are_read_and_each_has_a_reason() -> None:
    assert explanations("") == Counter()
    assert explanations(ENTRY * 2) == Counter([GAP, GAP])
    for wrong in (ENTRY.replace("No total is 0 here.", " "), ENTRY.replace("why", "because")):
        with pytest.raises(
            BadExplanations, match="change 2 of the list: expected where, before, after and why"
        ):
            explanations(ENTRY + wrong)


def test_the_list_that_is_checked_in_reads_clean() -> None:
    explanations(LIST.read_text(encoding="utf-8"))


def test_a_module_that_is_no_fold_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wire"]) == 2
    assert "wire is none of account, " in capsys.readouterr().err
