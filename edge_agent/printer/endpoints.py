"""Where a till comes from and where its printer is: an address of the settings -> its parts.

`tcp://127.0.0.1:9100`, `serial:///dev/ttyS1?baud=9600&flow=rtscts`, `file:///dev/usb/lp0`.
"""

from __future__ import annotations

import socket
import termios
from dataclasses import dataclass, fields
from typing import Final

BAUD_RATES: Final = tuple(
    rate for rate in (1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200) if hasattr(termios, f"B{rate}")
)
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "baud": tuple(map(str, BAUD_RATES)),
    "bits": ("7", "8"),
    "parity": ("none", "even", "odd"),
    "stop": ("1", "2"),
    "flow": ("none", "xonxoff", "rtscts"),
}


class Endpoint:
    """An address. `str()` of one is how the settings say it."""


@dataclass(frozen=True)
class Tcp(Endpoint):
    """A port of a machine. The host is an address, never a name: to look one up would hold up what prints."""

    host: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        """IPv4 or IPv6."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    def __str__(self) -> str:
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"


@dataclass(frozen=True)
class Serial(Endpoint):
    """A serial line and how it is set."""

    path: str
    baud: int = 9600
    bits: int = 8
    parity: str = "none"
    stop: int = 1
    flow: str = "none"

    def __str__(self) -> str:
        said = [
            f"{one.name}={value}"
            for one in fields(self)[1:]
            if (value := getattr(self, one.name)) != one.default
        ]
        return f"serial://{self.path}{'?' if said else ''}{'&'.join(said)}"


@dataclass(frozen=True)
class Device(Endpoint):
    """A printer that the kernel has as a device."""

    path: str

    def __str__(self) -> str:
        return f"file://{self.path}"


def endpoint(text: str) -> Endpoint:
    """Return the parts of an address.

    Raises:
        ValueError: in words, what is wrong with it.
    """
    scheme, _, rest = text.partition("://")
    match scheme:
        case "tcp":
            return _tcp(text, rest)
        case "serial":
            return _serial(text, rest)
        case "file":
            return Device(_path(text, rest))
    raise ValueError(f"{text!r} must begin with tcp://, serial:// or file://")


def _tcp(text: str, rest: str) -> Tcp:
    host, _, port = rest.rpartition(":")
    found = Tcp(host.removeprefix("[").removesuffix("]"), int(port) if port.isdecimal() else -1)
    try:
        socket.inet_pton(found.family, found.host)
    except OSError:
        raise ValueError(f"{text!r} must name an IP address, as tcp://192.168.0.50:9100 does") from None
    if not 0 <= found.port <= 65535:
        raise ValueError(f"{text!r} must end in a port, as tcp://192.168.0.50:9100 does")
    return found


def _serial(text: str, rest: str) -> Serial:
    path, _, said = rest.partition("?")
    words: dict[str, str] = {}
    for each in said.split("&") if said else ():
        name, _, value = each.partition("=")
        if name not in _CHOICES or name in words:
            raise ValueError(
                f"{text!r} must say each of {', '.join(_CHOICES)} once at most, and nothing else"
            )
        if value not in _CHOICES[name]:
            raise ValueError(f"{text!r} must say {name} as one of {', '.join(_CHOICES[name])}")
        words[name] = value
    plain = Serial(_path(text, path))
    return Serial(
        plain.path,
        baud=int(words.get("baud", plain.baud)),
        bits=int(words.get("bits", plain.bits)),
        parity=words.get("parity", plain.parity),
        stop=int(words.get("stop", plain.stop)),
        flow=words.get("flow", plain.flow),
    )


def _path(text: str, path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"{text!r} must name a device by its full path, as serial:///dev/ttyUSB0 does")
    return path
