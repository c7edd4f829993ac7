"""HQ's keys follow one another: tills come to believe each next one, and none goes back to one before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from edge_agent.coupons import read_code
from edge_agent.store import hq_keys, outbox, programmes, terminal
from edge_agent.store.database import transaction
from edge_agent.sync import belief, enrol
from edge_agent.sync.exchange import LinkError
from edge_agent.sync.install import install, keep_programme
from hq_server import key_book
from hq_server.audit import Difference, audit
from hq_server.backups import back_up, restore
from hq_server.cli import hq_server
from hq_server.cli import keys as cli_keys
from hq_server.config import load_config
from hq_server.handed_back import VersionRefused, keep_version
from hq_server.keys import key_file, private_key
from hq_server.store.connection import reading
from hq_server.store.database import opened
from loyalty_core.envelope import key_id, public_of, seal
from loyalty_core.errors import BadInput
from loyalty_core.key_statements import KeyStatement, Kind, seal_statement
from loyalty_core.messages import ProgrammeText
from loyalty_core.wire import pack
from tests.edge.made import at
from tests.hq.conftest import PROGRAMME, Hq, Tills, database_line
from tests.hq.real_till import RealTill, answered
from tests.hq.till import Till as Knocking

BOTH: tuple[Kind, ...] = ("server", "programme")


class Killed(BaseException):
    """What ends a process in the middle."""


class Keys:
    """`hq-server key`, and what headquarters then signs with."""

    def __init__(self, hq: Hq) -> None:
        self.hq = hq

    def run(self, *words: str) -> Any:
        """Return what a command of `hq-server` says as JSON."""
        from click.testing import CliRunner

        done = CliRunner().invoke(hq_server, ["--config", str(self.hq.config_path), *words, "--json"])
        said = msgspec.json.decode(done.stdout or done.stderr)
        return said["error"]["code"] if done.exit_code else said

    def rotate(self, kind: Kind) -> bytes:
        """Return the new public key."""
        assert self.run("key", "rotate", kind)["key"].startswith(kind)
        return self.present(kind)

    def present(self, kind: Kind) -> bytes:
        with self.hq.reading() as tx:
            signing = self.hq.keyring.signing(tx)
            return signing.public_key if kind == "server" else signing.programme_public_key

    def private(self, kind: Kind, number: int) -> bytes:
        return key_file(self.hq.config, kind, number).read_bytes()

    def publish(self, version: int) -> None:
        key = private_key(self.hq.config, "programme", self.present("programme"))
        assert key is not None
        self.hq.key, before = key, self.hq.key
        self.hq.publish(PROGRAMME.replace("version = 1", f"version = {version}"))
        self.hq.key = before

    def audit(self) -> None:
        with self.hq.reading() as tx:
            audit(tx, self.present("server"), lambda *_: None)


@pytest.fixture
def keys(hq: Hq, monkeypatch: pytest.MonkeyPatch) -> Keys:
    hq.clock.now = at("2026-11-21 12:00")
    monkeypatch.setattr("hq_server.cli.shell.time.time_ns", lambda: hq.clock() * 1_000_000)
    return Keys(hq)


def joined(hq: Hq, tmp_path: Path, name: str = "till") -> RealTill:
    (tmp_path / name).mkdir()
    return RealTill(tmp_path / name, hq)


def believed(till: RealTill) -> tuple[bytes, bytes]:
    identity = terminal.read(till.conn)
    return identity.hq_public_key, identity.programme_public_key


def present(keys: Keys) -> tuple[bytes, bytes]:
    return keys.present("server"), keys.present("programme")


def test_a_till_comes_to_believe_the_next_key_of_each_kind(hq: Hq, keys: Keys, tmp_path: Path) -> None:
    till = joined(hq, tmp_path)
    before = believed(till)
    assert before == (hq.public_key, hq.public_key), "of a house that has had one key"
    server, programme = keys.rotate("server"), keys.rotate("programme")
    assert len({hq.public_key, server, programme}) == 3
    till.exchange()
    assert believed(till) == (server, programme)
    keys.publish(2)
    till.exchange()
    assert programmes.highest(till.conn) == 2
    read = till.books().published
    assert [one.version for one in read.versions] == [1, 2], "also what the key before has signed"
    keys.audit()


@pytest.mark.parametrize("times", [2, 11])
def test_a_till_that_was_away_during_whole_rotations_catches_up(
    hq: Hq, keys: Keys, tmp_path: Path, times: int
) -> None:
    till = joined(hq, tmp_path)
    for _ in range(times):
        keys.rotate("server")
        keys.rotate("programme")
    keys.publish(2)
    till.exchange()
    assert believed(till) == present(keys)
    assert programmes.highest(till.conn) == 2
    keys.audit()


def test_a_till_that_joins_between_rotations_believes_the_present_keys_alone(
    hq: Hq, keys: Keys, tmp_path: Path
) -> None:
    first = keys.private("server", 1)
    keys.rotate("server")
    keys.rotate("programme")
    till = joined(hq, tmp_path)
    assert believed(till) == present(keys)
    assert programmes.highest(till.conn) == 1, "what the first key signed was signed again"
    assert hq_keys.number(till.conn, "server") == 2
    assert set(hq_keys.believed(till.conn, "server")) == {
        key_id(public_of(key)) for key in (first, keys.private("server", 2))
    }, "the first one has signed coupons"
    keys.rotate("server")
    till.exchange()
    assert believed(till) == present(keys)


def test_a_till_that_is_told_again_of_keys_that_it_knows_has_nothing_to_say(
    hq: Hq, keys: Keys, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in BOTH:
        keys.rotate(kind)
    till = joined(hq, tmp_path)
    with hq.reading() as tx:
        told = key_book.load_book(tx).told_at_joining()
    with transaction(till.conn):
        assert not belief.take_statements(till.conn, told)
    assert (len(told), caplog.records) == (3, [])


def test_who_has_an_earlier_key_makes_no_till_go_back_to_it_or_on_to_another(
    hq: Hq, keys: Keys, tmp_path: Path
) -> None:
    till = joined(hq, tmp_path)
    stolen = keys.private("server", 1)
    keys.rotate("server")
    keys.rotate("programme")
    till.exchange()
    stands = believed(till)
    other = bytes(32)
    with hq.reading() as tx:
        honest = [row.statement for row in key_book.load_book(tx).rows]
    forged = [
        seal_statement(KeyStatement(kind, number, public_of(key), hq.clock()), stolen, *signers)
        for kind in BOTH
        for number in (1, 2, 3)
        for key, signers in ((other, (other,)), (stolen, ()))
    ]
    with transaction(till.conn):
        assert not belief.take_statements(till.conn, [*honest, *forged])
    assert believed(till) == stands
    sealed = seal("dangol/programme/1", pack(ProgrammeText("moonlight", 9, PROGRAMME)), stolen)
    with pytest.raises(LinkError) as refused:
        keep_programme(till.conn, terminal.read(till.conn), sealed)
    assert refused.value.code == "hq_wrong_key"


def test_a_number_that_does_not_grow_is_refused_whoever_signs_it(hq: Hq, keys: Keys, tmp_path: Path) -> None:
    keys.rotate("server")
    till = joined(hq, tmp_path)
    stands, own, other = believed(till), keys.private("server", 2), bytes(32)
    for number, taken in ((1, False), (2, False), (3, True)):
        said = seal_statement(KeyStatement("server", number, public_of(other), hq.clock()), own, other)
        with transaction(till.conn):
            assert belief.take_statements(till.conn, [said]) is taken
        assert (believed(till) == stands) is not taken


def test_a_stolen_server_key_publishes_nothing(hq: Hq, keys: Keys, tmp_path: Path) -> None:
    keys.rotate("programme")
    till = joined(hq, tmp_path)
    stolen, text = keys.private("server", 1), PROGRAMME.replace("version = 1", "version = 9")
    for sealed in (
        seal("dangol/programme/1", pack(ProgrammeText("moonlight", 9, text)), stolen),
        seal_statement(KeyStatement("programme", 9, public_of(stolen), hq.clock()), stolen),
    ):
        reply, _ = till.exchange_once()
        forged = msgspec.structs.replace(reply, programmes=(sealed,), keys=(sealed,))
        with pytest.raises(LinkError) as refused, transaction(till.conn):
            install(till.conn, forged)
        assert refused.value.code == "hq_wrong_key"
    assert believed(till) == present(keys)
    assert programmes.highest(till.conn) == 1


def issued(hq: Hq, keys: Keys) -> str:
    """Return the code of a coupon that headquarters has made for a member."""
    rules = PROGRAMME + '\n[[reward]]\nid = "balls"\nname = { ko = "공", en = "Balls" }\npoints = 5\n'
    hq.publish(rules.replace("version = 1", "version = 2"))
    hq.members("member_id,lookups,home_store\nM1,2000123456782,S012\n")
    days = ("--from", "2026-11-21", "--until", "2026-12-21")
    code: str = keys.run("coupon", "issue", "M1", "balls", *days, "--by", "kim")["code"]
    return code


def test_a_coupon_that_a_key_before_has_signed_stays_good(hq: Hq, keys: Keys, tmp_path: Path) -> None:
    there = joined(hq, tmp_path)
    code = issued(hq, keys)
    keys.rotate("server")
    there.exchange()
    later = joined(hq, tmp_path, "later")
    later.exchange()
    keys.run("key", "drop", "server-1")
    last = joined(hq, tmp_path, "last")
    for till in (there, later, last):
        assert read_code(code, hq_keys.believed(till.conn, "server")).member_id == "M1"
    keys.audit()


def test_a_coupon_of_a_key_that_a_till_has_not_heard_of_is_taken_once_it_has(
    hq: Hq, keys: Keys, tmp_path: Path
) -> None:
    till = joined(hq, tmp_path)
    keys.rotate("server")
    code = issued(hq, keys)
    with pytest.raises(BadInput) as refused:
        read_code(code, hq_keys.believed(till.conn, "server"))
    assert refused.value.code == "coupon_key_unknown", "nobody who holds it is called a forger"
    till.exchange()
    assert read_code(code, hq_keys.believed(till.conn, "server")).member_id == "M1"


def test_a_server_that_runs_takes_up_the_next_key(hq: Hq, keys: Keys) -> None:
    keyring = hq.keyring
    with hq.opened() as connection:
        with reading(connection) as tx:
            before = keyring.signing(tx)
        keys.rotate("server")
        with reading(connection) as tx:
            after = keyring.signing(tx)
    assert after.public_key != before.public_key
    assert after.to(key_id(before.public_key)) == (keys.private("server", 2), keys.private("server", 1))
    assert after.to(key_id(after.public_key)) == (keys.private("server", 2),)


def test_a_key_is_dropped_once_no_till_believes_it(hq: Hq, keys: Keys, tmp_path: Path) -> None:
    till = joined(hq, tmp_path)
    till.exchange()
    keys.rotate("server")
    first = key_file(hq.config, "server", 1)
    listed = {one["key"]: (one["state"], one["believed_by"]) for one in keys.run("key", "list")}
    assert listed == {"server-1": ("held", 1), "server-2": ("signs", 0), "programme-1": ("signs", 1)}
    assert keys.run("key", "drop", "server-1") == "key_believed"
    till.exchange()
    assert keys.run("key", "drop", "server-2") == "key_present"
    assert keys.run("key", "drop", "server-7") == "key_not_found"
    assert first.exists()
    keys.rotate("programme")  # else the first key would still sign programmes
    assert keys.run("key", "drop", "server-1")["removed"] == []
    assert first.exists(), "the programmes' first key is the same"
    till.exchange()
    till.exchange()
    assert keys.run("key", "drop", "programme-1")["removed"] == [str(first)]
    assert not first.exists()
    till.exchange()
    keys.audit()


def test_the_key_that_a_till_joined_by_is_not_dropped_before_it_was_heard(hq: Hq, keys: Keys) -> None:
    keys.rotate("server")
    answered(hq, Knocking().enrol_request(hq.invite(preapproved=False)))
    keys.rotate("server")
    keys.rotate("programme")
    believed = {one["key"]: one["believed_by"] for one in keys.run("key", "list")}
    assert [name for name, tills in believed.items() if tills] == ["programme-1", "server-2"]
    assert keys.run("key", "drop", "server-2") == "key_believed"
    assert keys.run("key", "drop", "programme-1") == "key_believed"
    assert keys.run("key", "drop", "server-1")["key"] == "server-1"


def test_who_still_believes_a_dropped_key_is_answered_by_the_present_one(
    hq: Hq, keys: Keys, tmp_path: Path
) -> None:
    till = joined(hq, tmp_path)
    till.exchange()
    keys.rotate("server")
    keys.run("key", "drop", "server-1", "--cut-off")
    with pytest.raises(LinkError) as refused:
        till.exchange()
    assert refused.value.code == "hq_wrong_key"


@pytest.mark.parametrize("deceived", [False, True])
async def test_a_till_that_a_dropped_key_cut_off_joins_again_by_a_code_that_proves_the_next(
    hq: Hq, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deceived: bool
) -> None:
    till = joined(hq, tmp_path)
    keys.rotate("server")
    if deceived:
        told = KeyStatement("server", 7, public_of(bytes(32)), hq.clock())
        with transaction(till.conn):
            assert belief.take_statements(till.conn, [seal_statement(told, hq.key, bytes(32))])
    keys.run("key", "drop", "server-1", "--cut-off")
    code = keys.run("terminal", "invite", "--store", "S012", "--till", "T01", "--preapproved")["code"]

    async def post(session: object, url: str, body: bytes) -> bytes:
        assert url == "https://hq.example/v1/enrol"
        return answered(hq, body)

    monkeypatch.setattr(enrol, "post", post)
    async with aiohttp.ClientSession() as session:
        again = enrol.enrol_again(till.conn, session, till.config.data_dir, None, code)
        if deceived:
            with pytest.raises(LinkError, match="replace the till"):
                await again
            return
        assert (await again).terminal_id == till.terminal_id
    assert believed(till) == present(keys)
    till.visit("2000123456782", "2026-11-21 12:00", "1")
    till.exchange()
    assert outbox.waiting(till.conn)[0] == 0


@pytest.mark.parametrize("kind", BOTH)
def test_a_rotation_that_was_cut_off_goes_on_with_the_key_that_it_made(
    hq: Hq, keys: Keys, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands = present(keys)
    real = cli_keys._made

    def made_and_killed(*words: Any) -> bytes:
        real(*words)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(cli_keys, "_made", made_and_killed)
        with pytest.raises(Killed):
            keys.run("key", "rotate", kind)
    made = key_file(hq.config, kind, 2).read_bytes()
    assert present(keys) == stands, "a key that the database does not name signs nothing"
    assert keys.rotate(kind) == public_of(made)


def test_an_audit_finds_a_key_that_somebody_wrote_into_the_database(hq: Hq, keys: Keys) -> None:
    keys.rotate("programme")
    forger = bytes(32)
    said = seal_statement(KeyStatement("programme", 3, public_of(forger), hq.clock()), forger)
    keys.audit()
    row = f"'programme', 3, x'{public_of(forger).hex()}', {hq.clock()}, x'{said.hex()}'"
    hq.sql(f"INSERT INTO hq_keys (kind, number, public_key, made_at_ms, said) VALUES ({row})")  # noqa: S608
    with pytest.raises(Difference, match="key programme-3"):
        keys.audit()


def test_an_audit_finds_a_programme_that_was_signed_again_with_another_text(hq: Hq, keys: Keys) -> None:
    keys.rotate("programme")
    text = PROGRAMME.replace("points = 1", "points = 9")
    sealed = seal(
        "dangol/programme/1", pack(ProgrammeText("moonlight", 1, text)), keys.private("programme", 2)
    )
    hq.tamper(f"UPDATE programme_envelopes SET envelope = x'{sealed.hex()}'")  # noqa: S608
    with pytest.raises(Difference, match="programme version 1"):
        keys.audit()


def test_a_backup_holds_every_key_that_lies_in_the_data_folder(hq: Hq, keys: Keys, tmp_path: Path) -> None:
    for kind in BOTH:
        keys.rotate(kind)
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "hq.toml").write_text('data_dir = "data"\n', "utf-8")
    elsewhere = load_config(tmp_path / "elsewhere" / "hq.toml")
    restore(elsewhere, tmp_path / "backup.db", replace=False, random=bytes(8), now_ms=hq.clock())
    for kind, number in (("server", 1), ("server", 2), ("programme", 2)):
        assert key_file(elsewhere, kind, number).read_bytes() == keys.private(kind, number)
    with opened(elsewhere.database_path) as connection, reading(connection) as tx:
        audit(tx, keys.present("server"), lambda *_: None)


@pytest.mark.parametrize("times", [1, 2])
def test_tills_go_on_with_a_headquarters_that_was_restored_from_before_a_rotation(
    hq: Hq, keys: Keys, tmp_path: Path, times: int
) -> None:
    till, away = joined(hq, tmp_path), joined(hq, tmp_path, "away")
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    for _ in range(times):
        keys.rotate("server")
        keys.rotate("programme")
    till.exchange()
    till.exchange()
    if times == 1:
        keys.run("key", "drop", "server-1", "--cut-off")  # its private half is in the backup alone
    stands = present(keys)
    hq.bring_back(tmp_path / "backup.db")
    assert present(keys) == stands
    keys.audit()
    keys.publish(2)
    for one in (till, away):
        one.exchange()
        assert believed(one) == stands
        assert programmes.highest(one.conn) == 2


def test_the_programme_key_is_brought_only_to_publish(hq: Hq, keys: Keys, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    place = f'programme_key = "{stick}/rules.key"\n{database_line(hq.url)}'
    hq.config_path.write_text(f'data_dir = "data"\n{place}[listen]\nport = 0\n', "utf-8")
    hq.config = load_config(hq.config_path)
    keys.rotate("programme")
    rules = tmp_path / "rules.toml"
    later = PROGRAMME.replace("version = 1", "version = 2").replace("2026-07-01", "2026-12-01")
    rules.write_text(later, "utf-8")
    stick.rename(tmp_path / "away")
    assert keys.run("programme", "publish", str(rules)) == "key_missing"
    assert keys.run("key", "rotate", "programme") == "key_missing"
    listed = {one["key"]: one["state"] for one in keys.run("key", "list")}
    assert listed["programme-2"] == "signs, not here"
    till = joined(hq, tmp_path)
    till.exchange()
    (tmp_path / "away").rename(stick)
    assert keys.run("programme", "publish", str(rules))["version"] == 2
    till.exchange()
    assert programmes.highest(till.conn) == 2
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    assert (stick / "rules-2.key").read_bytes() not in (tmp_path / "backup.db").read_bytes()


def test_a_credential_is_not_rotated_behind_the_back_of_who_hands_it(
    hq: Hq, keys: Keys, handed: Path
) -> None:
    hq.config.key_path.rename(handed / "dangol-hq.key")
    assert keys.run("key", "rotate", "server") == "key_is_credential"
    (handed / "dangol-hq.key").rename(hq.config.key_path)
    keys.rotate("server")
    key_file(hq.config, "server", 2).rename(handed / "dangol-hq.key")
    hq.config.key_path.rename(handed / "dangol-hq.old-key")
    with hq.reading() as tx:
        assert len(hq.keyring.signing(tx).keys) == 2


def test_the_first_keys_of_a_new_house_are_two(hq: Hq, keys: Keys, tmp_path: Path) -> None:
    hq.config_path = tmp_path / "new" / "hq.toml"
    assert keys.run("init")["programme_key"] == str(tmp_path / "new" / "hq-data" / "programme.key")
    first, second = [one["fingerprint"] for one in keys.run("key", "list")]
    assert first != second
    assert keys.run("audit")["ok"]


def test_a_version_that_an_earlier_key_has_signed_is_not_taken_back_from_a_till(hq: Hq, keys: Keys) -> None:
    stolen = keys.private("server", 1)  # which signed programmes, too
    keys.rotate("programme")
    text = PROGRAMME.replace("version = 1", "version = 9").replace("2026-07-01", "2026-12-01")
    for key, kept in ((stolen, False), (keys.private("programme", 2), True)):
        sealed = seal("dangol/programme/1", pack(ProgrammeText("moonlight", 9, text)), key)
        with hq.writing() as tx:
            if kept:
                assert keep_version(tx, hq.keyring, "S012", sealed, hq.clock())
            else:
                with pytest.raises(VersionRefused) as refused:
                    keep_version(tx, hq.keyring, "S012", sealed, hq.clock())
                assert refused.value.code == "key_unknown"
    keys.audit()


def test_a_house_that_has_had_one_key_says_so(keys: Keys) -> None:
    (only,) = keys.run("key", "list")
    assert (only["key"], only["state"]) == ("server-1 and programme-1", "signs")


async def test_a_server_whose_key_is_not_there_sends_tills_away_for_a_while(
    hq: Hq, keys: Keys, tills: Tills
) -> None:
    till = await tills.join()
    keys.rotate("server")
    file = key_file(hq.config, "server", 2)
    file.rename(file.with_suffix(".away"))
    answer = await tills.client.post("/v1/exchange", data=till.exchange_request())
    assert (answer.status, "Retry-After" in answer.headers) == (503, True)
    assert (await answer.json(content_type=None))["code"] == "key_missing"
    file.with_suffix(".away").rename(file)
    answer = await tills.client.post("/v1/exchange", data=till.exchange_request())
    assert answer.status == 200
