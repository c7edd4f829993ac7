"""HQ's keys: files that only their owner reads, or what systemd hands over in their place."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hq_server import app
from hq_server.app import CannotListen
from hq_server.config import load_config
from hq_server.key_book import Keyring
from hq_server.keys import BadKeyFile, keys_in_reach, make_key, read_key
from loyalty_shell.credentials import write_secret
from tests.hq.conftest import Hq

KEY = bytes(range(32))
TODAY = datetime(2026, 11, 21, tzinfo=UTC)


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    make_key(tmp_path / "hq.key")
    (tmp_path / "hq.key").chmod(0o640)
    with pytest.raises(BadKeyFile) as caught:
        read_key(tmp_path / "hq.key")
    assert caught.value.code == "key_exposed"


def test_a_credential_is_read_in_place_of_the_key(hq: Hq, handed: Path) -> None:
    assert [key for key, _ in keys_in_reach(hq.config, "server")] == [hq.key]
    (handed / "dangol-hq.key").write_bytes(KEY)
    (handed / "dangol-hq.key").chmod(0o440)  # as its access list makes it look
    assert next(keys_in_reach(hq.config, "server"))[0] == KEY
    with hq.reading() as tx:
        keyring = Keyring(lambda: [key for key, _ in keys_in_reach(hq.config, "server")])
        assert keyring.signing(tx).keys == (KEY,)


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    made = make_key(tmp_path / "hq.key")
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "hq.key", KEY)
    assert read_key(tmp_path / "hq.key") == made


def test_tls_is_set_up_from_credentials(hq: Hq, tmp_path: Path, handed: Path) -> None:
    path = tmp_path / "tls.toml"
    path.write_text('data_dir = "data"\n[listen]\ntls_cert = "not/there"\ntls_key = "not/there"\n', "utf-8")
    config = load_config(path)
    with pytest.raises(CannotListen):
        app._tls(config)
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hq")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(TODAY).not_valid_after(TODAY + timedelta(days=1))
    cert = made.sign(key, None).public_bytes(Encoding.PEM)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (handed / "dangol-hq.tls-cert").write_bytes(cert)
    (handed / "dangol-hq.tls-key").write_bytes(pem)
    assert app._tls(config) is not None


async def test_a_chore_that_fails_ends_the_server_as_a_failure(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object, **__: object) -> None:
        raise ValueError("a chore failed")

    monkeypatch.setattr(app, "run_chores", failing)
    with pytest.raises(ValueError, match="a chore failed"):
        await asyncio.wait_for(app.serve(hq.config), 30)
    assert not hq.config.address_path.exists()
