"""USB sound cards by vendor, product and serial number: found in /sys, whatever card number they have."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from ffmpeg_profiles.profile import DeviceAbsentError, Filter, Input, ProfileError
from ffmpeg_profiles.sources import parse_source
from ffmpeg_profiles.sources.usb import UsbCard, UsbName, source, unique_names, usb_cards
from supervisor.capture import Capture, Format
from supervisor.clock import SystemClock
from supervisor.devices import usb_source
from supervisor.events import CaptureEnded, Cause, Event
from supervisor.spool import Spool
from supervisor.stop import Stop
from tests.rig.usb import Sysfs

UMC = "1397:0509"


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    """A machine with a card of its own and none on USB."""
    return Sysfs(tmp_path / "sys")


def _found(sysfs: Sysfs, rest: str) -> str:
    return source(rest, Input(), sysfs.root).located().url


@pytest.mark.parametrize("rest", ["", "1397", "1397:", "1397:050", "1397:05099", "139g:0509", "1397:0509:", "UMC404HD"])
def test_what_is_no_usb_name_is_told_with_what_is(rest: str) -> None:
    """A name that is not written as allowed is refused, with the way to write it."""
    with pytest.raises(ProfileError, match=r"VID:PID or VID:PID:SERIAL.*hexadecimal"):
        parse_source(f"usb:{rest}")


def test_it_is_read_as_any_alsa_device_is() -> None:
    """A card found by its USB name is captured with all its bits and channels, as by its ALSA name."""
    usb, alsa = (parse_source(spec, Input(48_000, 4, (3, 4))) for spec in (f"usb:{UMC}", "alsa:hw:1"))
    assert (usb.options, usb.filters, usb.device) == (alsa.options, alsa.filters, True)
    assert usb.filters == (Filter("pan", options={"args": "stereo|c0=c2|c1=c3"}),)


@pytest.mark.parametrize("rest", [UMC, "1397:0509:A1:b c", "139A:05AF", "139a:05af"])
def test_the_card_is_found_by_its_usb_name(sysfs: Sysfs, rest: str) -> None:
    """Vendor and product are enough; a serial number may hold anything; the case of hexadecimal digits is nothing."""
    sysfs.plug_in(3, "UMC404HD", rest[:9].lower(), "A1:b c")
    sysfs.plug_in(2, "Other", "0d8c:0014")
    assert _found(sysfs, rest) == "hw:3"


def test_the_card_is_found_again_under_another_number(sysfs: Sysfs) -> None:
    """One and the same source leads to whatever card number its device has at that moment."""
    sysfs.plug_in(1, "UMC404HD", UMC, "A1")
    captured = source(f"{UMC}:A1", Input(), sysfs.root)
    assert captured.located().url == "hw:1"
    sysfs.unplug(1)
    sysfs.plug_in(4, "UMC404HD_1", UMC, "A1")
    assert captured.located().url == "hw:4"


def test_an_absent_card_is_named_with_what_is_there(sysfs: Sysfs) -> None:
    """When the card is not plugged in the error says which is meant and which others are there."""
    with pytest.raises(DeviceAbsentError, match=rf"usb:{UMC}.*there: none"):
        _found(sysfs, UMC)
    sysfs.plug_in(1, "UMC404HD", UMC, "A1")
    with pytest.raises(DeviceAbsentError, match=rf"usb:{UMC}:B2.*there: usb:{UMC}:A1"):
        _found(sysfs, f"{UMC}:B2")


@pytest.mark.parametrize(
    ("serials", "told"),
    [
        (("A1", "B2"), r"card 1 \(One\): A1, card 2 \(Two\): B2; name one as usb:VID:PID:SERIAL"),
        (("A1", "A1"), r"A1, .*A1; name one as alsa:hw:CARD=ID"),
        (("A1", None), r"A1, .*no serial number; name one as alsa:hw:CARD=ID"),
        ((None, None), r"name one as alsa:hw:CARD=ID"),
    ],
)
def test_two_cards_of_a_kind_are_not_guessed_between(sysfs: Sysfs, serials: Sequence[str | None], told: str) -> None:
    """Where the name fits two cards the error names both serial numbers and how to say which is meant."""
    for number, (id_, serial) in enumerate(zip(("One", "Two"), serials, strict=True), 1):
        sysfs.plug_in(number, id_, UMC, serial)
    with pytest.raises(DeviceAbsentError, match=told):
        _found(sysfs, UMC)


def test_a_serial_number_tells_two_cards_apart(sysfs: Sysfs) -> None:
    """With its serial number each of two like cards is found."""
    sysfs.plug_in(1, "UMC404HD", UMC, "A1")
    sysfs.plug_in(2, "UMC404HD_1", UMC, "B2")
    assert [_found(sysfs, f"{UMC}:{serial}") for serial in ("A1", "B2")] == ["hw:1", "hw:2"]


def test_only_usb_cards_are_listed(sysfs: Sysfs) -> None:
    """A card that is on no USB, and one whose folders vanish while they are read, are not among the USB cards."""
    sysfs.plug_in(2, "UMC404HD", UMC, "A1")
    (sysfs.root / "class/sound/card7").symlink_to("../../devices/gone/sound/card7")
    assert usb_cards(sysfs.root) == [UsbCard(2, "UMC404HD", UsbName("1397", "0509", "A1"))]
    assert usb_cards(sysfs.root / "nowhere") == []


def test_devices_are_listed_under_a_usb_name_that_leads_back(sysfs: Sysfs) -> None:
    """A card's first PCM is offered as usb: source wherever that name means it alone."""
    sysfs.plug_in(1, "UMC404HD", UMC, "A1")
    sysfs.plug_in(2, "Twin", "0d8c:0014")
    sysfs.plug_in(3, "Twin_1", "0d8c:0014")
    names = unique_names(usb_cards(sysfs.root))
    assert names == {"UMC404HD": f"usb:{UMC}:A1"}
    assert usb_source("hw:CARD=UMC404HD,DEV=0", names) == f"usb:{UMC}:A1"
    assert usb_source("hw:CARD=UMC404HD", names) == f"usb:{UMC}:A1"
    assert usb_source("hw:CARD=UMC404HD,DEV=1", names) == ""
    assert usb_source("hw:CARD=Twin,DEV=0", names) == ""
    assert usb_source("plug:umc", names) == ""


def test_a_run_for_an_absent_card_ends_as_a_lost_device(sysfs: Sysfs, tmp_path: Path) -> None:
    """While the card is away each try ends as a lost device does: with what is missing, and soon tried again."""
    captured = source(UMC, Input(), sysfs.root)
    stop, happened = Stop(), list[Event]()

    def take(event: Event) -> None:
        happened.append(event)
        stop.request()

    with closing(Spool(tmp_path / "spool")) as spool:
        Capture(
            lambda *_: [captured.located().url], Format(48_000, 480_000, device=True), {}, spool, SystemClock(), take
        ).run(stop)
    (ended,) = happened
    assert isinstance(ended, CaptureEnded)
    assert ended.cause is Cause.DEVICE_LOST
    assert f"no USB sound card usb:{UMC} is plugged in" in ended.reason
    assert ended.retry_in_s <= 2
