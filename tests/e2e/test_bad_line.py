"""A real till and a real headquarters a bad line between them: sales go on, and all agree in the end."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from demo.processes import until
from tests.debian_parts import need_root, part
from tests.e2e.bad_line import MOODS, BadLine
from tests.e2e.processes import Founded, House, house
from tests.e2e.test_two_processes import Sale, check, sales, sell

IMPATIENT = ("retry_first_ms = 200\nretry_max_ms = 1500\n", "retry_first_ms = 10\nretry_max_ms = 50\n")


async def test_whatever_a_line_does_to_requests_and_answers_all_agree_afterwards(
    tmp_path: Path, founded: Founded
) -> None:
    chance, all_sales = random.Random(29), list[Sale]()
    async with house(tmp_path, founded, line=BadLine) as at:
        line = at.line
        assert isinstance(line, BadLine)
        impatient(at)
        await at.till.open()
        line.is_bad = True
        while min(line.done[mood] for mood in MOODS) < 2:
            some = sales(chance, len(all_sales), 4)
            all_sales += some
            before = line.done.total()
            await sell(at, some)
            await until(partial(heard, line, before), "the till said nothing")
            line.let_go()
        line.mend()
        await at.settled(len(all_sales))
        await check(at, all_sales)


async def test_a_till_whose_requests_nobody_answers_sells_on(tmp_path: Path, founded: Founded) -> None:
    all_sales = sales(random.Random(31), 0, 60)
    async with house(tmp_path, founded, line=BadLine) as at:
        line = at.line
        assert isinstance(line, BadLine)
        await at.till.open()
        await sell(at, all_sales[:20])
        await until(lambda: at.acknowledged == at.head, "the till was not heard")
        line.hold()
        before = at.head
        await sell(at, all_sales[20:21])
        await until(lambda: line.holding > 0, "the till said nothing")
        # Each of these is answered while nothing that was sold since has left the shop.
        await sell(at, all_sales[21:])
        assert len(at.answers) == len(all_sales)
        assert max(at.acknowledged, at.head_at_hq) <= before < at.head
        line.mend()
        await at.settled(len(all_sales))
        await check(at, all_sales)


def heard(line: BadLine, before: int) -> bool:
    """Tell whether the till has said something more."""
    return line.done.total() > before or line.holding > 0


def impatient(at: House) -> None:
    """Have the till try again at once."""
    text = at.till.config.read_text("utf-8")
    assert IMPATIENT[0] in text
    at.till.config.write_text(text.replace(*IMPATIENT), "utf-8")


@dataclass(frozen=True)
class Wire:
    """Two ends of a cable: one here, one in a network of its own, which loses what `lose` says."""

    name: str
    number: int

    @property
    def inside(self) -> str:
        return f"dangol-{self.name}"

    @property
    def far(self) -> str:
        """The address in there."""
        return f"10.213.{self.number // 64 % 256}.{self.number % 64 * 4 + 2}"

    @property
    def near(self) -> str:
        """The address here."""
        return f"10.213.{self.number // 64 % 256}.{self.number % 64 * 4 + 1}"

    def lay(self) -> None:
        made = subprocess.run(
            ["ip", "netns", "add", self.inside], capture_output=True, text=True, check=False
        )
        if made.returncode:
            pytest.skip(f"this kernel makes no network namespace: {made.stderr.strip()}")
        here, there = f"dg{self.name}a", f"dg{self.name}b"
        for words in (
            f"link add {here} type veth peer name {there} netns {self.inside}",
            f"addr add {self.near}/30 dev {here}",
            f"link set {here} up",
            f"-n {self.inside} addr add {self.far}/30 dev {there}",
            f"-n {self.inside} link set {there} up",
            f"-n {self.inside} link set lo up",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        self.nft("add table inet line")
        for way in ("input", "output"):
            self.nft(f"add chain inet line {way} {{ type filter hook {way} priority 0; }}")

    def nft(self, words: str) -> str:
        line = ["ip", "netns", "exec", self.inside, "nft", words]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout

    def lose(self, which: str) -> None:
        """Lose these packets on their way in and out, and no others any more."""
        self.mend()
        for way, name in (("input", "iifname"), ("output", "oifname")):
            self.nft(f"add rule inet line {way} {name} dg{self.name}b {which} counter drop")

    def mend(self) -> None:
        self.nft("flush chain inet line input")
        self.nft("flush chain inet line output")

    @property
    def lost(self) -> int:
        """How many packets were lost since `lose`."""
        told = self.nft("list table inet line").split()
        return sum(int(told[place + 1]) for place, word in enumerate(told) if word == "packets")

    def cut_down(self) -> None:
        subprocess.run(["ip", "netns", "del", self.inside], check=True)


@pytest.fixture
def wire() -> Iterator[Wire]:
    need_root()
    part("ip")
    part("nft")
    laid = Wire(str(os.getpid())[-8:], os.getpid())
    laid.lay()
    yield laid
    laid.cut_down()


def certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """Return a certificate for an address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "headquarters")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .sign(key, SHA256())
    )
    cert, private = folder / "hq.crt", folder / "hq.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    private.chmod(0o600)
    return cert, private


@asynccontextmanager
async def far_house(folder: Path, founded: Founded, wire: Wire) -> AsyncIterator[House]:
    """Run headquarters at the other end of a wire, with TLS; the till talks to it without a relay."""
    cert, private = certificate(folder, wire.far)
    listen = f'host = "{wire.far}"\nport = 0\ntls_cert = "{cert}"\ntls_key = "{private}"\n'
    settings = [("hq", "port = 0\n", listen), ("till", "[sync]\n", f'[sync]\nca_file = "{cert}"\n')]
    inside = ["ip", "netns", "exec", wire.inside]
    async with house(folder, founded, settings=settings, inside=inside) as at:
        yield at


async def test_a_till_and_headquarters_agree_over_a_wire_that_loses_packets_or_all_of_them(
    tmp_path: Path, founded: Founded, wire: Wire
) -> None:
    chance, all_sales = random.Random(37), list[Sale]()

    async def some(count: int) -> None:
        made = sales(chance, len(all_sales), count)
        all_sales.extend(made)
        await sell(at, made)

    async with far_house(tmp_path, founded, wire) as at:
        await at.till.open()
        wire.lose("numgen inc mod 5 0")
        await some(40)
        await until(lambda: at.acknowledged > 0, "nothing came through")
        await until(lambda: wire.lost > 0, "nothing was lost")
        wire.lose("")
        before = at.head
        await some(40)
        await until(lambda: wire.lost > 0, "the till said nothing")
        assert max(at.acknowledged, at.head_at_hq) <= before < at.head
        wire.mend()
        await at.settled(len(all_sales))
        await check(at, all_sales)
