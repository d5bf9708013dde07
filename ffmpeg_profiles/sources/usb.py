"""A USB sound card by its vendor, product and serial number, whatever card number it has now.

Read from /sys: containers mask /proc/asound, and a card's number and name may change when it is plugged in again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ffmpeg_profiles.profile import DeviceAbsentError, Input, ProfileError, Source
from ffmpeg_profiles.sources import alsa

SCHEME = "usb"
EXAMPLE = "usb:VID:PID[:SERIAL] (for example usb:1397:0509)"

SYSFS = Path("/sys")

_NAME = re.compile(r"(?P<vendor>[0-9a-f]{4}):(?P<product>[0-9a-f]{4})(?::(?P<serial>.+))?", re.IGNORECASE)
_CARD = re.compile(r"card(\d+)")


@dataclass(frozen=True)
class UsbName:
    """Which card is meant: IDs as four small hexadecimal digits; an empty serial number stands for any."""

    vendor: str
    product: str
    serial: str = ""

    def __str__(self) -> str:
        return ":".join(filter(None, (SCHEME, self.vendor, self.product, self.serial)))

    def means(self, other: UsbName) -> bool:
        """Whether ``other``, as a card calls itself, is one that this name stands for."""
        same_kind = (self.vendor, self.product) == (other.vendor, other.product)
        return same_kind and self.serial in {"", other.serial}


@dataclass(frozen=True)
class UsbCard:
    """A sound card that is plugged in: ALSA's number and ID of it, and what its USB device calls itself."""

    number: int
    id: str
    name: UsbName


def source(rest: str, wanted: Input, sysfs: Path = SYSFS) -> Source:
    """The first PCM of the card that ``rest`` names; which card that is, is found out whenever it is opened."""
    name = _parse(rest)
    return replace(alsa.source(str(name), wanted), locate=lambda: f"hw:{_the_one(name, usb_cards(sysfs)).number}")


def usb_cards(sysfs: Path = SYSFS) -> list[UsbCard]:
    """The USB sound cards that are plugged in now, by card number."""
    found = (_card(entry) for entry in (sysfs / "class/sound").glob("card*"))
    return sorted((card for card in found if card is not None), key=lambda card: card.number)


def unique_names(cards: Iterable[UsbCard]) -> dict[str, str]:
    """What RADIO_SOURCE may be for each card, by ALSA's ID; cards that cannot be told apart have none."""
    cards = list(cards)
    alone = (card for card in cards if sum(card.name.means(other.name) for other in cards) == 1)
    return {card.id: str(card.name) for card in alone}


def _parse(rest: str) -> UsbName:
    named = _NAME.fullmatch(rest.strip())
    if named is None:
        raise ProfileError(
            f"'{rest}' is not VID:PID or VID:PID:SERIAL, with four hexadecimal digits for vendor and product; "
            "'radio-supervisor devices' lists what is plugged in"
        )
    return UsbName(named["vendor"].lower(), named["product"].lower(), named["serial"] or "")


def _the_one(name: UsbName, cards: list[UsbCard]) -> UsbCard:
    matching = [card for card in cards if name.means(card.name)]
    match matching:
        case [card]:
            return card
        case []:
            there = ", ".join(str(card.name) for card in cards) or "none"
            raise DeviceAbsentError(f"no USB sound card {name} is plugged in (there: {there})")
        case _:
            raise DeviceAbsentError(_ambiguous(name, matching))


def _ambiguous(name: UsbName, matching: list[UsbCard]) -> str:
    told = ", ".join(f"card {card.number} ({card.id}): {card.name.serial or 'no serial number'}" for card in matching)
    serials = {card.name.serial for card in matching}
    distinct = "" not in serials and len(serials) == len(matching)
    advice = f"name one as {SCHEME}:VID:PID:SERIAL" if distinct else "name one as alsa:hw:CARD=ID instead"
    return f"{len(matching)} USB sound cards are {name}: {told}; {advice}"


def _card(entry: Path) -> UsbCard | None:
    """The card of a folder ``class/sound/cardN``, or None when it is on no USB, or is just being unplugged."""
    number = _CARD.fullmatch(entry.name)
    if number is None:
        return None
    try:
        card = entry.resolve(strict=True)
        usb = next((folder for folder in card.parents if (folder / "idVendor").is_file()), None)
        if usb is None:
            return None
        serial = _text(usb / "serial") if (usb / "serial").is_file() else ""
        return UsbCard(
            int(number[1]), _text(card / "id"), UsbName(_text(usb / "idVendor"), _text(usb / "idProduct"), serial)
        )
    except OSError:
        return None


def _text(attribute: Path) -> str:
    return attribute.read_text(encoding="utf-8", errors="replace").strip()
