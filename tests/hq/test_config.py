"""Settings: every mistake is one sentence, and nothing listens in the open without TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

from hq_server.config import BadConfig, load_config


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "hq.toml").write_text('data_dir = "d"\ndatabase = "x/y.db"\n')
    config = load_config(tmp_path / "hq.toml")
    assert config.database_path == tmp_path / "x" / "y.db"
    assert config.key_path == tmp_path / "d" / "hq.key"


@pytest.mark.parametrize(
    "text",
    [
        "",
        'data_dir = "d"\nsurprise = 1\n',
        'data_dir = "d"\n[listen]\nhots = "x"\n',
        'data_dir = "d"\n[limits]\nbody_bytes_max = 1\n',
        'data_dir = "d"\n[limits]\nbody_seconds_max = 0\n',
        'data_dir = "d"\n[limits]\nbody_bytes_max = 2048\nbodies_bytes_max = 2047\n',
        'data_dir = "d"\n[limits]\nbody_bytes_max = 2048\nterminal_bytes_a_minute = 2047\n',
        'data_dir = "d"\nlanguage = "fr"\n',
        'data_dir = "d"\ndatabase = "mysql://hq@db/hq"\n',
        'data_dir = "d"\ndatabase = "postgresql://hq@db/hq"\n',
        'data_dir = "d"\ndatabase = "postgresql:///hq?host=db"\n',
        'data_dir = "d"\ndatabase = "postgresql://hq@[::1/hq"\n',
        'data_dir = "d"\ndatabase = "postgresql://hq@localhost:port/hq"\n',
        'data_dir = "d"\n[listen]\nhost = "0.0.0.0"\n',
        'data_dir = "d"\n[listen]\nhost = "hq.example"\n',
        'data_dir = "d"\n[listen]\ntls_cert = "c.pem"\n',
        "data_dir = \n",
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "hq.toml").write_text(text)
    with pytest.raises(BadConfig) as caught:
        load_config(tmp_path / "hq.toml")
    assert caught.value.code == "config_invalid"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_no_tls(tmp_path: Path, host: str) -> None:
    (tmp_path / "hq.toml").write_text(f'data_dir = "d"\n[listen]\nhost = "{host}"\n')
    assert load_config(tmp_path / "hq.toml").listen.host == host


def test_a_server_in_the_open_has_tls(tmp_path: Path) -> None:
    text = 'data_dir = "d"\n[listen]\nhost = "0.0.0.0"\ntls_cert = "c.pem"\ntls_key = "k.pem"\n'
    (tmp_path / "hq.toml").write_text(text)
    assert load_config(tmp_path / "hq.toml").listen.tls_cert == str(tmp_path / "c.pem")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://hq@db/hq?sslmode=verify-full",
        "postgres://hq:secret@127.0.0.1:5433/hq",
        "postgresql://hq@/hq?host=/run/postgresql",
        "postgresql://hq@localhost/hq",
    ],
)
def test_a_url_is_the_place_of_a_database(tmp_path: Path, url: str) -> None:
    (tmp_path / "hq.toml").write_text(f'data_dir = "d"\ndatabase = "{url}"\n')
    config = load_config(tmp_path / "hq.toml")
    assert (config.place, config.is_postgresql) == (url, True)
    (tmp_path / "hq.toml").write_text('data_dir = "d"\ndatabase = "x.db"\n')
    config = load_config(tmp_path / "hq.toml")
    assert (config.place, config.is_postgresql) == (tmp_path / "x.db", False)
