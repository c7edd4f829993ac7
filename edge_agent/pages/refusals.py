"""What a stable code means and what to do, in the language of the page; the exact sentence stands beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for a text that is translated later
    """Mark a text for translation."""
    return text


MEANINGS: Final[Mapping[str, str]] = {
    "allowance_exceeded": N_(
        "Without headquarters fewer points can be spent here. Try again when the line is back."
    ),
    "amount_impossible": N_("An amount in this receipt cannot be."),
    "birthday_invalid": N_("This is no day on which somebody was born."),
    "body_slow": N_("The request did not arrive in time. Send it again."),
    "body_too_large": N_("This is larger than the till takes."),
    "card_invalid": N_("This is no card number. Scan or type it again, or leave it empty."),
    "claim_late": N_("It is too late to give this receipt to a member."),
    "claim_refused": N_("This receipt cannot be given to the member."),
    "clock_lost": N_("The till's clock has lost its time. Set it first."),
    "clock_off": N_("The till's clock is wrong. Set it."),
    "columns_missing": N_("The header lacks a column that is needed."),
    "consent_needed": N_("They must agree to the text as it stands. Read it again, then tick the box."),
    "counter_pin_unset": N_(
        "This counter has no PIN yet. A technician sets one with edge-agent counter-pin."
    ),
    "coupon_expired": N_("This coupon is over."),
    "coupon_forged": N_("Headquarters did not issue this coupon. Do not take it."),
    "coupon_key_unknown": N_(
        "This coupon cannot be checked until the till has reached headquarters. Do not take it yet."
    ),
    "coupon_not_yet": N_("This coupon is not valid yet."),
    "coupon_other_member": N_("This coupon is another member's."),
    "coupon_unreadable": N_("This is no coupon. Scan it again."),
    "coupon_used": N_("This coupon is used."),
    "csv_invalid": N_("This line is not CSV."),
    "currency_other": N_("The receipt is in another currency than the programme's."),
    "currency_unknown": N_("The receipt's currency is not known."),
    "date_impossible": N_("A date in this receipt cannot be."),
    "date_in_future": N_("The receipt is of the future."),
    "disk_failed": N_("The disk did not keep what was written. Nothing was recorded: call a technician."),
    "disk_full": N_("The disk is full, so nothing was recorded. Call a technician."),
    "disk_read_only": N_("The disk can only be read, so nothing was recorded. Call a technician."),
    "encoding_wrong": N_("The text is in another encoding than the settings say."),
    "event_unknown": N_("This till has no such event."),
    "field_unknown": N_("The input has no such field."),
    "file_kind_unknown": N_("Files of this kind are not read."),
    "file_too_large": N_("This file is larger than any may be."),
    "file_unreadable": N_("This file cannot be read."),
    "fork": N_(
        "Headquarters holds other records of this till, whose disk was set back or copied. Leave it "
        "on; let one machine only run as this till."
    ),
    "form_stale": N_("This page was open for too long or before another log-in. Open it again."),
    "hq_away": N_("Headquarters asked this till to wait a little."),
    "hq_certificate": N_(
        "Headquarters' certificate is not trusted here. Check the clock, then the certificate."
    ),
    "hq_name_unknown": N_(
        "The name of headquarters is not known on this network. Check the cable, the router and the name."
    ),
    "hq_nonsense": N_("What answers at headquarters' address is not headquarters."),
    "hq_older": N_("What answers is an older copy of headquarters' database. Tell headquarters."),
    "hq_other": N_("Two databases of headquarters answer in turn. Tell headquarters to run one only."),
    "hq_stale": N_("The answer was to another request."),
    "hq_timeout": N_("Headquarters did not answer in time."),
    "hq_unreachable": N_(
        "Headquarters cannot be reached. Check the line, a firewall, and whether headquarters runs."
    ),
    "hq_wrong_key": N_("What answers has another key than this till believes. Ask headquarters."),
    "idempotency_conflict": N_("This was sent before with other content. Open the page again."),
    "journal_behind": N_(
        "This till's disk was set back to an older copy. Leave it on, and hand in again what was "
        "sold since that copy."
    ),
    "journal_damaged": N_(
        "A record of this till is damaged. Stop the agent, then run edge-agent verify --repair."
    ),
    "json_invalid": N_("This is not JSON."),
    "key_retired": N_("Headquarters knows another key of this till."),
    "key_unknown": N_("Headquarters does not know this till's key."),
    "log_in_later": N_("Too many wrong PINs. Wait a moment, then try again."),
    "member_known": N_("This phone or card is a member's already."),
    "member_missing": N_("A phone number or a card is needed, so that the member can be found."),
    "member_unknown": N_("No member with this card or number is known at this till."),
    "member_unreadable": N_("This is no card or phone number. Scan or type it again."),
    "name_invalid": N_("Type a name."),
    "nothing_to_import": N_("None of these files is one that headquarters wrote."),
    "origin_refused": N_("Another site tried to reach into this till. It was stopped."),
    "page_changed": N_("The page has changed meanwhile, so nothing was done. Look, then press again."),
    "pass_expired": N_("This pass has ended. Ask headquarters for a new one."),
    "pass_for_another_till": N_(
        "This pass is not for this till. Ask for one that names this till or its store."
    ),
    "pass_malformed": N_("This is not a whole pass. Scan it again, or choose its file."),
    "pass_not_yet": N_("This pass begins later than this till's clock shows."),
    "pass_revoked": N_("Headquarters has revoked this pass. Ask for a new one."),
    "pass_wrong_key": N_("This pass was not signed by this till's headquarters."),
    "path_unknown": N_("There is no such page."),
    "phone_invalid": N_("This is no phone number. One of another country begins with +."),
    "pin_unknown": N_("No PIN of this person is known here yet. The till must hear from headquarters first."),
    "pin_wrong": N_("The PIN is wrong."),
    "points_below_minimum": N_("That is fewer points than can be spent at once."),
    "points_missing": N_("There are not enough points for this."),
    "points_off_step": N_("Points are spent in whole steps."),
    "points_unreadable": N_("Points are a whole number."),
    "programme_damaged": N_(
        "The rules on this till are damaged, so sales give no points. Call headquarters."
    ),
    "programme_missing": N_("No programme is in force at this till today."),
    "quarantine_unknown": N_("This is not set aside any more: it was mended or given up."),
    "reason_missing": N_("Say why it is given up: the reason is kept."),
    "receipt_conflict": N_("This receipt is recorded already with other content."),
    "receipt_invalid": N_("The receipt does not have the form that is expected."),
    "receipt_number_invalid": N_("The receipt's number cannot be."),
    "receipt_other": N_("Another receipt has come since. Look again."),
    "receipt_other_store": N_("The receipt is of another store."),
    "receipt_taken_back": N_("The receipt is void or wholly returned."),
    "receipt_too_large": N_("The receipt is larger than any may be."),
    "record_unknown": N_("There is no such record in this till's journal."),
    "redemption_cancelled": N_("This was undone. Choose again."),
    "redemption_committed": N_("This is spent already: void or return what it paid to give the points back."),
    "redemption_lapsed": N_("The time for this is over. Choose again."),
    "redemption_off": N_("Points pay for nothing in this programme now."),
    "redemptions_full": N_("Too many redemptions are open at this till. Wait a moment."),
    "request_invalid": N_("The request does not have the form that is expected."),
    "reward_not_today": N_("This reward is not given today."),
    "reward_other_store": N_("This reward is not given at this store."),
    "reward_other_tier": N_("This reward is for another tier."),
    "reward_unknown": N_("The programme has no such reward any more."),
    "role_observes": N_("This log-in may look, but change nothing."),
    "row_cut": N_("The line was cut off."),
    "rows_differ": N_("The lines of one receipt differ from each other."),
    "sealing_key_missing": N_("Nobody can join until this till has heard from headquarters once more."),
    "server_busy": N_("Headquarters has much to do, and lets this till in as soon as it can."),
    "stopping": N_("The till's agent is stopping. Try again in a moment."),
    "terminal_busy": N_("Headquarters still works on what this till has sent."),
    "terminal_over_quota": N_(
        "Headquarters takes what waits bit by bit, so that other tills have their turn."
    ),
    "terminal_pending": N_("Headquarters has not approved this till yet."),
    "terminal_replaced": N_("Another machine has taken this till's place."),
    "terminal_revoked": N_("Headquarters has shut this till out."),
    "terminal_unknown": N_("Headquarters does not know this till. Ask it for a code to join again."),
    "undo_over": N_("It is too late to undo this."),
    "verify_runs": N_("The till is being verified already."),
}


def meaning(code: str, translate: Callable[[str], str]) -> str | None:
    """Return what a code means, None where the exact sentence must do."""
    text = MEANINGS.get(code)
    return None if text is None else translate(text)
