"""What somebody agrees to who joins: the programme's own text, or a short one that stands for it."""

from __future__ import annotations

from typing import Final

import msgspec


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A text in every language, by its version: of one version the texts are never changed."""

    version: int
    texts: dict[str, str]


BUILT_IN: Final = Consent(
    version=0,
    texts={
        "ko": "회원 가입과 포인트 적립을 위해 이름, 연락처, 생일(선택), 이용 내역을 수집하고 이용하는 데 "
        "동의합니다. 탈퇴하면 지체 없이 파기합니다.",
        "en": "I agree that my name, my phone or card, my birthday if I give it, and my purchases and visits "
        "are kept and used for this membership. They are erased when I leave it.",
    },
)
"""What is shown where the programme has published no text of its own."""


def consent_in_force(published: Consent | None) -> Consent:
    """Return what a programme has somebody agree to who joins."""
    return BUILT_IN if published is None else published
