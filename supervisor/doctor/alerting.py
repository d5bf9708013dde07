"""Where alarms are sent: does apprise know each address; nothing is sent, and none is ever shown."""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.alerts import unknown_urls
from supervisor.doctor.check import Check, failed, ok, skipped
from supervisor.settings import Settings

NAME = "alert URLs"


def checks(settings: Settings) -> Iterator[Check]:
    """Of RADIO_ALERT_URLS, by their numbers."""
    urls = settings.radio_alert_urls.get_secret_value().split()
    if not urls:
        yield skipped(NAME, "RADIO_ALERT_URLS is not set: nobody is sent a message", "docs/operations/monitoring.md")
        return
    yield judged(unknown_urls(urls), len(urls))


def judged(unknown: list[int], count: int) -> Check:
    """What it means that those of ``count`` addresses are unknown, by their numbers from 1."""
    if not unknown:
        return ok(NAME, f"apprise knows all {count}; whether a message arrives is not tried")
    numbers = ", ".join(map(str, unknown))
    return failed(
        NAME,
        f"number {numbers} of {count} is not a URL that apprise knows: no alarm is sent there",
        "Correct it in RADIO_ALERT_URLS: SERVICE://…, with spaces between them. https://github.com/caronc/apprise/wiki "
        "has the form of each service.",
    )
