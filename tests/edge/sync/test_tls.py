"""The road to headquarters: the system's authorities or one pinned file, and nobody else's certificate."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from edge_agent.config import Sync
from edge_agent.sync.exchange import LinkError, check_url, open_session, post
from loyalty_core.errors import BadInput
from tests.edge.made import config_of

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
Key = ec.EllipticCurvePrivateKey


@dataclass
class Authority:
    """Whoever signs certificates."""

    key: Key
    cert: x509.Certificate

    def pinned(self, folder: Path) -> Path:
        """Return the file by which a till trusts it alone."""
        path = folder / f"ca-{self.cert.serial_number}.pem"
        path.write_bytes(self.cert.public_bytes(Encoding.PEM))
        return path


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def builder(name: str, issuer: x509.Name, key: Key, until: datetime) -> x509.CertificateBuilder:
    made = x509.CertificateBuilder().subject_name(named(name)).issuer_name(issuer)
    made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return made.not_valid_before(NOW - 30 * DAY).not_valid_after(until)


def authority() -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    made = builder("ca", named("ca"), key, NOW + 30 * DAY)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return Authority(key, made.sign(key, hashes.SHA256()))


def served_with(
    by: Authority, folder: Path, *, host: str = "127.0.0.1", until: datetime = NOW + 30 * DAY
) -> ssl.SSLContext:
    """Return what a server needs that proves itself by a certificate for this host."""
    key = ec.generate_private_key(ec.SECP256R1())
    name: x509.GeneralName = x509.DNSName(host)
    if host[0].isdigit():
        name = x509.IPAddress(ip_address(host))
    made = builder(host, by.cert.subject, key, until)
    made = made.add_extension(x509.SubjectAlternativeName([name]), critical=False)
    chain, private = folder / "cert.pem", folder / "key.pem"
    chain.write_bytes(made.sign(by.key, hashes.SHA256()).public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, private)
    return context


@pytest.fixture
def ca() -> Authority:
    return authority()


async def answered(tmp_path: Path, tls: ssl.SSLContext, ca_file: Path | None) -> bytes:
    """Return what a till with this pin gets from a server with this certificate."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b"headquarters")

    app = web.Application()
    app.add_routes([web.post("/v1/exchange", answer)])
    sync = msgspec.structs.replace(config_of(tmp_path).sync, ca_file=ca_file)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=tls)
    try:
        async with open_session(sync) as session:
            return await post(session, str(server.make_url("/v1/exchange")), b"")
    finally:
        await server.close()


async def refused(tmp_path: Path, tls: ssl.SSLContext, ca_file: Path | None) -> tuple[str, str]:
    with pytest.raises(LinkError) as error:
        await answered(tmp_path, tls, ca_file)
    return error.value.code, str(error.value)


async def test_a_headquarters_with_a_certificate_of_the_pinned_file_is_spoken_with(
    tmp_path: Path, ca: Authority
) -> None:
    assert await answered(tmp_path, served_with(ca, tmp_path), ca.pinned(tmp_path)) == b"headquarters"


async def test_a_certificate_of_another_authority_is_refused(tmp_path: Path, ca: Authority) -> None:
    told = await refused(tmp_path, served_with(authority(), tmp_path), ca.pinned(tmp_path))
    assert told == ("hq_certificate", "HQ's certificate is not trusted here")


async def test_without_a_pinned_file_a_certificate_that_the_system_does_not_know_is_refused(
    tmp_path: Path, ca: Authority
) -> None:
    assert (await refused(tmp_path, served_with(ca, tmp_path), None))[0] == "hq_certificate"


@pytest.mark.parametrize("host", ["hq.example", "127.0.0.2", "localhost"])
async def test_a_certificate_for_another_name_is_refused(tmp_path: Path, ca: Authority, host: str) -> None:
    tls = served_with(ca, tmp_path, host=host)
    assert (await refused(tmp_path, tls, ca.pinned(tmp_path)))[0] == "hq_certificate"


async def test_a_certificate_that_has_ended_is_refused(tmp_path: Path, ca: Authority) -> None:
    tls = served_with(ca, tmp_path, until=NOW - DAY)
    assert (await refused(tmp_path, tls, ca.pinned(tmp_path)))[0] == "hq_certificate"


async def test_what_speaks_no_tls_is_refused_where_https_was_said(tmp_path: Path, ca: Authority) -> None:
    app = web.Application()
    server = TestServer(app)
    await server.start_server()
    sync = msgspec.structs.replace(config_of(tmp_path).sync, ca_file=ca.pinned(tmp_path))
    try:
        async with open_session(sync) as session:
            with pytest.raises(LinkError) as error:
                await post(session, f"https://127.0.0.1:{server.port}/v1/exchange", b"")
    finally:
        await server.close()
    assert error.value.code == "hq_certificate"


@pytest.mark.parametrize("text", ["", "no certificate"])
async def test_a_pinned_file_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"ca\.pem") as error:
        open_session(Sync(ca_file=path))
    assert error.value.code == "ca_file_unreadable"


def test_plain_http_to_another_machine_is_refused_in_one_sentence() -> None:
    with pytest.raises(BadInput) as error:
        check_url("http://192.0.2.1:8470")
    assert error.value.code == "hq_url_invalid"
    assert "must begin with https://" in str(error.value)
    assert "\n" not in str(error.value)
