"""USB sound cards as the kernel shows them under /sys, made in a folder; a program can be given it as its /sys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.rig.parts import need

_BUS = "devices/pci0000:00/0000:00:14.0/usb1"


@dataclass(frozen=True)
class Sysfs:
    """A folder that looks like /sys."""

    root: Path

    def __post_init__(self) -> None:
        """A hub, a card that is on no USB, and the entries that stand beside the cards."""
        (self.root / "class/sound").mkdir(parents=True)
        self._write(f"{_BUS}/idVendor", "1d6b")
        self._write(f"{_BUS}/idProduct", "0002")
        self._card("devices/pci0000:00/0000:00:1f.3", 0, "PCH")
        self._write("devices/virtual/sound/timer/uevent", "")
        (self.root / "class/sound/timer").symlink_to("../../devices/virtual/sound/timer")

    def plug_in(self, number: int, id_: str, usb: str, serial: str | None = None) -> None:
        """A card appears; ``usb`` is its vendor and product, as lsusb shows them."""
        device = f"{_BUS}/1-{number}"
        vendor, product = usb.split(":")
        self._write(f"{device}/idVendor", vendor)
        self._write(f"{device}/idProduct", product)
        if serial is not None:
            self._write(f"{device}/serial", serial)
        self._card(f"{device}/1-{number}:1.0", number, id_)

    def unplug(self, number: int) -> None:
        """A card vanishes; what its link led to is gone a moment later."""
        (self.root / f"class/sound/card{number}").unlink()

    def as_own(self) -> tuple[str, ...]:
        """What to put in front of a command so that it finds this as its /sys; needs root."""
        need("unshare", "mount")
        return ("unshare", "--mount", "sh", "-ec", 'mount --bind "$0" /sys; exec "$@"', str(self.root))

    def _card(self, device: str, number: int, id_: str) -> None:
        card = f"{device}/sound/card{number}"
        self._write(f"{card}/id", id_)
        self._write(f"{card}/number", str(number))
        (self.root / f"class/sound/card{number}").symlink_to(f"../../{card}")

    def _write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n", encoding="utf-8")
