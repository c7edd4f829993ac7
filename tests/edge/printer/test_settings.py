"""What the settings say of a printer, and what `status` says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config import read_config
from edge_agent.printer.endpoints import Device, Serial, Tcp, endpoint
from edge_agent.status import lines, status
from edge_agent.store.migrations import open_database
from loyalty_core.errors import BadInput
from tests.edge.made import HeldClock, enrol_till, write_config
from tests.edge.printer.room import Room

FRONT = '[[printer]]\nname = "front"\nlisten = "tcp://127.0.0.1:9100"\nprinter = "tcp://192.0.2.50:9100"\n'


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("tcp://127.0.0.1:9100", Tcp("127.0.0.1", 9100)),
        ("tcp://[fd00::50]:9100", Tcp("fd00::50", 9100)),
        ("serial:///dev/ttyS1", Serial("/dev/ttyS1")),
        (
            "serial:///dev/ttyS1?baud=115200&bits=7&parity=even&stop=2&flow=rtscts",
            Serial("/dev/ttyS1", baud=115200, bits=7, parity="even", stop=2, flow="rtscts"),
        ),
        ("file:///dev/usb/lp0", Device("/dev/usb/lp0")),
    ],
)
def test_an_address_is_read_and_said_again(text: str, parts: object) -> None:
    assert endpoint(text) == parts
    assert str(parts) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("192.0.2.50:9100", "must begin with tcp://"),
        ("tcp://printer.local:9100", "must name an IP address"),
        ("tcp://192.0.2.50", "must name an IP address"),
        ("tcp://192.0.2.50:", "must end in a port"),
        ("tcp://192.0.2.50:65536", "must end in a port"),
        ("tcp://192.0.2.50:-1", "must end in a port"),
        ("serial://ttyS1", "by its full path"),
        ("serial:///dev/ttyS1?baud=9601", "baud as one of 1200, 2400, 4800, 9600"),
        ("serial:///dev/ttyS1?speed=9600", "each of baud, bits, parity, stop, flow once"),
        ("serial:///dev/ttyS1?baud=9600&baud=9600", "once at most"),
        ("file://lp0", "by its full path"),
        ("file:///dev/\0", "by its full path"),
    ],
)
def test_an_address_that_cannot_be_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="must") as caught:
        endpoint(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (FRONT.replace("tcp://192.0.2.50:9100", "printer"), "'printer' must begin with tcp://"),
        (FRONT.replace('"tcp://192.0.2.50:9100"', "9100"), "expected an address, got int"),
        (FRONT.replace("tcp://192.0.2.50:9100", "tcp://127.0.0.1:9100"), "would print to itself"),
        (
            FRONT.replace("tcp://127.0.0.1:9100", "file:///dev/usb/lp0"),
            "cannot listen at file:///dev/usb/lp0",
        ),
        (FRONT + FRONT, "two printers are called front"),
        (FRONT.replace('"front"', '"front/../x"'), "printer[0].name"),
        (FRONT + "copy_bytes_max = 10\n", "copy_bytes_max"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_a_sentence(tmp_path: Path, settings: str, said: str) -> None:
    path = write_config(tmp_path, settings)
    with pytest.raises(BadInput) as caught:
        read_config(path)
    assert caught.value.code == "config_invalid"
    assert said in str(caught.value)


def test_status_says_first_where_a_printer_is_not_served_or_loses_copies(tmp_path: Path) -> None:
    config = read_config(write_config(tmp_path, FRONT))
    enrol_till(config)
    conn = open_database(config.database)

    def told() -> list[str]:
        return lines(status(conn, config, HeldClock()))

    assert "The process of printer front does not run, so nothing is printed through it" in told()[0]
    assert any("front: nothing known" in line for line in told())
    room = Room(config.data_dir)
    room.written()
    assert "front" not in told()[0]
    assert any("0 copies, last never, none lost" in line for line in told())
    room.relay.tally.lost("disk_slow")
    room.go_on(11, step=0.5)
    room.written()
    assert "Copies of what printer front printed are lost (1, the last at " in told()[0]
    assert ": disk_slow)" in told()[0]
    room.close()
    room.relay._state.close()
    assert "does not run" in told()[0]
    assert any("front: STOPPED" in line for line in told())
    conn.close()
