"""What a technician's browser downloaded: one archive, put on the stick as it is."""

from __future__ import annotations

import zipfile

from edge_agent.sync.usb_browser import exported, imported
from tests.hq.conftest import Hq
from tests.hq.real_till import RealTill
from tests.hq.sticks import Stick
from tests.hq.usb.carrying import agree, sell


def test_an_archive_goes_there_and_its_replies_back_through_the_browser(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    sell(till, 0, 12)
    with exported(till.config, till.clock) as archive:
        (stick.folder / archive.name).write_bytes(archive.path.read_bytes())
    assert not archive.path.exists()
    took = stick.at_hq(hq)
    assert sum(one.new for one in took) == 12
    replies = stick.files(".to-till")
    opened = [(path.name, path.open("rb")) for path in replies]
    assert {back.became for back in imported(till.config, opened)} <= {"installed", "known"}
    for _, file in opened:
        file.close()
    assert agree(till, hq)


def test_a_dry_run_opens_no_archive(hq: Hq, till: RealTill, stick: Stick) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    (file,) = stick.files()
    with zipfile.ZipFile(stick.folder / "more.zip", "w") as more:
        more.writestr("other.to-hq", file.read_bytes())
    before = sorted(path.name for path in stick.folder.iterdir())
    stick.at_hq(hq, dry_run=True)
    assert sorted(path.name for path in stick.folder.iterdir()) == before


def test_an_archive_that_is_none_is_refused_and_the_rest_is_taken(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    (stick.folder / "bad.zip").write_bytes(b"no archive")
    took = stick.at_hq(hq)
    assert [(one.became, one.code) for one in took if one.file == "bad.zip"] == [
        ("refused", "archive_damaged")
    ]
    assert sum(one.new for one in took) == 3
    assert stick.to_till(till)
    assert agree(till, hq)
