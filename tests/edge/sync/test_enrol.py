"""Joining: the code pins headquarters, the key never leaves, and a lost answer is met by asking again."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.config import EdgeConfig
from edge_agent.recorder import Recorder
from edge_agent.store import programmes, terminal
from edge_agent.store.database import Connection, StoreError
from edge_agent.store.migrations import open_database
from edge_agent.sync import keys
from edge_agent.sync.enrol import enrol, enrol_again
from edge_agent.sync.exchange import LinkError, check_url, open_session
from loyalty_core.envelope import public_of
from loyalty_core.errors import BadInput, LoyaltyError
from loyalty_core.invite import make_code
from loyalty_core.messages import Enrolled, Incarnation
from tests.edge.fake_hq import OTHER_KEY, SECRET, FakeHq, Spoil
from tests.edge.made import HeldClock, config_of, programme


class Joining:
    """A till that has not joined."""

    def __init__(self, config: EdgeConfig, hq: FakeHq) -> None:
        self.config = config
        self.hq = hq
        self.conn: Connection = open_database(config.database)

    async def join(self, code: str | None = None) -> Enrolled:
        async with open_session(self.config.sync) as session:
            url, code = self.hq.url + "/", code or self.hq.code
            return await enrol(self.conn, session, self.config.data_dir, url, code)

    async def refused(self, code: str | None = None) -> tuple[str, str]:
        """Return code and sentence of a refusal, which leaves no identity behind."""
        with pytest.raises(LoyaltyError) as refused:
            await self.join(code)
        assert not terminal.is_enrolled(self.conn)
        assert not (self.config.data_dir / keys.TOKEN_FILE).exists()
        assert not self.conn.in_transaction
        return refused.value.code, str(refused.value)


@pytest.fixture
async def till(tmp_path: Path, hq: FakeHq) -> AsyncIterator[Joining]:
    joining = Joining(config_of(tmp_path), hq)
    yield joining
    joining.conn.close()


async def test_a_till_learns_who_it_is_and_what_the_rules_are(till: Joining, hq: FakeHq) -> None:
    hq.programmes = [programme()]
    said = await till.join()
    identity = terminal.read(till.conn)
    assert (said.terminal_id, identity.terminal_id, identity.store_id) == ("S012-T03", "S012-T03", "S012")
    assert identity.hq_url == hq.url, "without the last slash"
    assert identity.hq_public_key == public_of(hq.key)
    assert programmes.highest(till.conn) == 7
    assert hq.used_by == public_of(keys.private_key(till.config.data_dir))


async def test_key_and_token_are_for_the_agent_alone(till: Joining) -> None:
    await till.join()
    for name in (keys.KEY_FILE, keys.TOKEN_FILE):
        assert stat.S_IMODE((till.config.data_dir / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(till.config.data_dir.stat().st_mode) == 0o700
    assert len(keys.token(till.config.data_dir)) >= 32


async def test_another_headquarters_than_the_one_of_the_code_is_refused(till: Joining) -> None:
    code, _ = await till.refused(make_code(SECRET, public_of(OTHER_KEY)))
    assert code == "hq_wrong_key"


async def test_an_answer_that_is_not_signed_by_the_key_in_it_is_refused(till: Joining, hq: FakeHq) -> None:
    hq.spoil = "other key"
    assert (await till.refused())[0] == "hq_wrong_key"


async def test_an_answer_to_another_question_is_refused(till: Joining, hq: FakeHq) -> None:
    hq.change_enrolled = {"nonce": b"\x00" * 16}
    assert (await till.refused())[0] == "hq_wrong_key"


@pytest.mark.parametrize("spoil", ["nonsense", "html", "half", "redirect", "not found"])
async def test_nonsense_is_refused(till: Joining, hq: FakeHq, spoil: Spoil) -> None:
    hq.spoil = spoil
    assert (await till.refused())[0] == "hq_nonsense"


async def test_a_used_code_is_told_in_headquarters_words(till: Joining, hq: FakeHq) -> None:
    hq.used_by = b"another till's key"
    assert await till.refused() == ("invite_used", "HQ says: this invite cannot be used: invite_used")


async def test_a_code_that_nobody_made_is_told(till: Joining, hq: FakeHq) -> None:
    code = make_code(b"\x07" * 8, public_of(hq.key))
    assert (await till.refused(code))[0] == "invite_unknown"


@pytest.mark.parametrize("code", ["", "AAAA", "!" * 24, "0000-0000-0000-0000-0000-000"])
async def test_a_code_that_was_typed_wrong_is_refused_before_anybody_is_asked(
    till: Joining, code: str
) -> None:
    till.hq.url = "http://127.0.0.1:1"
    with pytest.raises(BadInput) as refused:
        await till.join(code or " ")
    assert refused.value.code == "code_malformed"


async def test_an_absent_headquarters_is_told(till: Joining) -> None:
    till.hq.url = "http://127.0.0.1:1"
    assert (await till.refused())[0] == "hq_unreachable"


async def test_after_a_lost_answer_the_same_code_joins_the_same_key(till: Joining, hq: FakeHq) -> None:
    hq.spoil = "lose answer"
    assert (await till.refused())[0] == "hq_unreachable"
    first = hq.used_by
    hq.spoil = None
    await till.join()
    assert hq.used_by == first is not None


async def test_a_till_joins_once(till: Joining) -> None:
    await till.join()
    with pytest.raises(LoyaltyError) as refused:
        await till.join()
    assert refused.value.code == "already_enrolled"


async def test_a_till_whose_token_cannot_be_written_has_not_joined_and_may_try_again(
    till: Joining, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(keys, "make_token", full)
        with pytest.raises(OSError, match="No space"):
            await till.join()
    assert not terminal.is_enrolled(till.conn)
    await till.join()
    assert (till.config.data_dir / keys.TOKEN_FILE).exists()


@pytest.mark.parametrize(
    "changed",
    [{"timezone": "Mars/Phobos"}, {"programmes": (programme(key=OTHER_KEY),)}, {"programmes": (b"junk",)}],
)
async def test_an_answer_that_a_till_could_not_live_by_leaves_no_identity(
    till: Joining, hq: FakeHq, changed: dict[str, object]
) -> None:
    hq.change_enrolled = changed
    await till.refused()
    hq.change_enrolled = {}
    await till.join()


async def test_a_first_programme_that_cannot_be_read_does_not_stop_the_sales(
    till: Joining, hq: FakeHq
) -> None:
    hq.programmes = [programme(7, "schema = 99\n")]
    await till.join()
    assert Recorder(till.config, HeldClock()).books(till.conn).programmes == ()


@pytest.mark.parametrize(
    "url",
    [
        "https://hq.example",
        "https://hq.example:8443/dangol/",
        "http://localhost:1",
        "http://127.0.0.1:9/",
        "http://[::1]:9",
    ],
)
def test_https_or_this_machine_is_an_address_of_headquarters(url: str) -> None:
    assert check_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://hq.example",
        "http://127.0.0.1.evil.example",
        "http://10.0.0.1",
        "ftp://localhost",
        "hq.example",
        "https://",
        "http://[",
        "",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_url(url)
    assert refused.value.code == "hq_url_invalid"


async def again(till: Joining, code: str | None = None, hq_url: str | None = None) -> Enrolled:
    async with open_session(till.config.sync) as session:
        return await enrol_again(till.conn, session, till.config.data_dir, hq_url, code or till.hq.code)


async def test_a_till_that_joins_again_stays_what_it_is(till: Joining, hq: FakeHq) -> None:
    await till.join()
    before, key = terminal.read(till.conn), keys.private_key(till.config.data_dir)
    hq.change_enrolled = {"epoch": 9, "buckets": 1, "incarnation": Incarnation(2**40, b"later")}
    await again(till)
    assert (terminal.read(till.conn), keys.private_key(till.config.data_dir)) == (before, key)
    await again(till, hq_url=hq.url.replace("127.0.0.1", "localhost"))
    assert terminal.read(till.conn).hq_url == hq.url.replace("127.0.0.1", "localhost")


async def test_a_till_that_has_not_joined_cannot_join_again(till: Joining) -> None:
    with pytest.raises(StoreError) as refused:
        await again(till)
    assert refused.value.code == "not_enrolled"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"terminal_id": "S012-T09"}, "hq_nonsense"),
        ({"store_id": "S013"}, "hq_nonsense"),
        ({"store_key": b"x" * 32}, "hq_nonsense"),
        ({"nonce": bytes(16)}, "hq_wrong_key"),
    ],
)
async def test_an_answer_about_another_till_changes_nothing(
    till: Joining, hq: FakeHq, changed: dict[str, object], code: str
) -> None:
    await till.join()
    before = terminal.read(till.conn)
    hq.change_enrolled = changed
    with pytest.raises(LinkError) as refused:
        await again(till, hq_url=hq.url.replace("127.0.0.1", "localhost"))
    assert (refused.value.code, terminal.read(till.conn)) == (code, before)


async def test_a_headquarters_with_a_key_that_the_till_does_not_believe_is_refused_whatever_the_code_says(
    till: Joining, hq: FakeHq
) -> None:
    await till.join()
    before = terminal.read(till.conn)
    hq.key = OTHER_KEY
    for code in (make_code(SECRET, before.hq_public_key), make_code(SECRET, public_of(OTHER_KEY))):
        with pytest.raises(LinkError) as refused:
            await again(till, code)
        assert (refused.value.code, terminal.read(till.conn)) == ("hq_wrong_key", before)
