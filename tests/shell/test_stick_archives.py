"""Archives for a stick: what is ours comes out whole, and nothing else does anything."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from loyalty_shell.stick import StickError
from loyalty_shell.stick_archives import INDEX_BYTES_MAX, pack, unpack_all

ENDING, BYTES_MAX = ".to-hq", 1000


def archive(*files: tuple[str, bytes], deflated: bool = False) -> bytes:
    made = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(made, "w", kind) as one:
        for name, data in files:
            one.writestr(name, data)
    return made.getvalue()


def unpacked(folder: Path) -> list[tuple[str, str]]:
    return [(name, error.code) for name, error in unpack_all(folder, ENDING, BYTES_MAX)]


def there(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_what_was_packed_comes_out_and_a_second_time_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name, data in (("a.to-hq", b"1"), ("b.to-hq", b"2")):
        (tmp_path / name).write_bytes(data)
    with (tmp_path / "out" / "x.zip").open("wb") as into:
        pack(tmp_path, ["a.to-hq", "b.to-hq"], into)
    for _ in range(2):
        assert unpacked(tmp_path / "out") == []
    assert there(tmp_path / "out") == {"x.zip", "a.to-hq", "b.to-hq"}
    assert (tmp_path / "out" / "b.to-hq").read_bytes() == b"2"


def test_a_folder_without_archives_is_left_alone(tmp_path: Path) -> None:
    assert unpacked(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    [
        "../a.to-hq",
        "/tmp/a.to-hq",
        "x/a.to-hq",
        "..\\a.to-hq",
        ".a.to-hq",
        "a.to-hq/",
        "a.exe",
        "a\n.to-hq",
        "é.to-hq",
    ],
)
def test_a_name_that_is_not_ours_is_not_written(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    (folder / "x.zip").write_bytes(archive((name, b"1"), ("good.to-hq", b"2")))
    assert unpacked(folder) == []
    assert there(folder) == {"x.zip", "good.to-hq"}
    assert there(tmp_path) == {"stick", "stick/x.zip", "stick/good.to-hq"}


def test_a_link_in_an_archive_becomes_no_link(tmp_path: Path) -> None:
    made = io.BytesIO()
    link = zipfile.ZipInfo("a.to-hq")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(made, "w") as one:
        one.writestr(link, "/etc/passwd")
    (tmp_path / "x.zip").write_bytes(made.getvalue())
    assert unpacked(tmp_path) == []
    assert (tmp_path / "a.to-hq").read_bytes() == b"/etc/passwd"
    assert not (tmp_path / "a.to-hq").is_symlink()


def test_an_archive_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(archive(("a.to-hq", b"1")))
    (tmp_path / "x.zip").symlink_to(tmp_path / "real")
    assert unpacked(tmp_path) == [("x.zip", "file_not_regular")]


def test_what_grows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loyalty_shell.stick_archives.SLACK_BYTES", 10)
    bomb = archive(*((f"{n}.to-hq", bytes(900)) for n in range(50)), deflated=True)
    (tmp_path / "x.zip").write_bytes(bomb)
    assert unpacked(tmp_path) == [("x.zip", "file_too_large")]
    assert sum(path.stat().st_size for path in tmp_path.glob("*.to-hq")) <= 2 * len(bomb) + 10


def test_a_file_that_is_larger_than_any_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(archive(("a.to-hq", bytes(BYTES_MAX + 1))))
    assert unpacked(tmp_path) == [("x.zip", "file_too_large")]
    assert not list(tmp_path.glob("*.to-hq"))


@pytest.mark.parametrize("damage", ["nothing", "text", "cut", "flipped"])
def test_what_is_damaged_is_said_and_the_others_come_out(tmp_path: Path, damage: str) -> None:
    good = archive(("a.to-hq", b"12345678"))
    spoiled = {
        "nothing": b"",
        "text": b"no archive",
        "cut": good[:-10],
        "flipped": good.replace(b"12345678", b"12345679", 1),
    }[damage]
    (tmp_path / "bad.zip").write_bytes(spoiled)
    (tmp_path / "good.ZIP").write_bytes(archive(("b.to-hq", b"2")))
    assert unpacked(tmp_path) == [("bad.zip", "archive_damaged")]
    assert (tmp_path / "b.to-hq").exists()


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loyalty_shell.stick_archives.FILES_MAX", 2)
    (tmp_path / "x.zip").write_bytes(archive(*((f"{n}.to-hq", b"1") for n in range(3))))
    assert unpacked(tmp_path) == [("x.zip", "folder_too_full")]
    with pytest.raises(StickError):
        list(unpack_all(tmp_path / "none", ENDING, BYTES_MAX))


@pytest.mark.parametrize("is_wide", [False, True])
def test_an_archive_that_lists_more_than_may_be_in_memory_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_wide: bool
) -> None:
    one = b"PK\x01\x02" + bytes(24) + (1).to_bytes(2, "little") + bytes(16) + b"a"
    index = one * (INDEX_BYTES_MAX // len(one) + 1)
    told = 0 if is_wide else len(index)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, told, 0, 0)
    wide = struct.pack("<4sQ2H4L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 0, 0, 0, 0, len(index), 0)[:56]
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(index), 1)
    (tmp_path / "x.zip").write_bytes(index + (wide + locator if is_wide else b"") + end)
    monkeypatch.setattr(zipfile, "ZipInfo", None)
    assert unpacked(tmp_path) == [("x.zip", "folder_too_full")]
