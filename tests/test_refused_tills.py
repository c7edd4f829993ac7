"""Every code by which headquarters refuses a till is one that the till knows: others reach no log of it."""

from __future__ import annotations

from edge_agent.sync.codes import BATCHES, OTHER, REQUESTS, known
from hq_server import web_errors

NOT_FOR_TILLS = {
    "batch_archived",
    "case_moot",
    "case_not_found",
    "case_open",
    "case_settled",
    "coupon_too_many",
    "decision_judged",
    "decision_not_found",
    "evidence_old",
    "feed_cursor_ended",
    "gift_handed_out",
    "gift_not_found",
    "goodwill_spent",
    "grants_spent",
    "idempotency_conflict",
    "login_refused",
    "login_too_many",
    "login_too_soon",
    "member_erased",
    "member_not_found",
    "merges_changed",
    "no_gap",
    "no_proposal",
    "not_allowed",
    "nothing_to_exclude",
    "period_closed",
    "period_closing",
    "period_not_over",
    "period_not_ready",
    "period_open",
    "period_unknown",
    "ruling_waits",
    "same_person",
    "tier_differs",
    "tier_gone",
    "token_invalid",
    "token_missing",
    "totp_missing",
    "totp_unreadable",
    "unlike_needs_code",
}
"""Codes of what other systems and people ask."""


def test_whatever_headquarters_refuses_a_request_with_is_known_at_the_till() -> None:
    said = web_errors._STATUS.keys() | {code for code, _ in web_errors._OF_STATUS.values()}
    assert said - NOT_FOR_TILLS <= REQUESTS
    assert not NOT_FOR_TILLS & REQUESTS


def test_what_is_not_known_stands_for_nothing_that_is() -> None:
    assert known("whatever") == OTHER
    assert OTHER not in REQUESTS | BATCHES
    assert all(known(code) == code for code in REQUESTS | BATCHES)
