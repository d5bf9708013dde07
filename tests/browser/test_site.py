"""The page that Deno serves, in a real browser under its own Content-Security-Policy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest
from playwright.sync_api import ConsoleMessage, Page

from supervisor.web import Answer
from tests.rig.axe import is_accessible
from tests.rig.ear import PLAY, Ear
from tests.rig.parts import eventually
from tests.rig.radio import Radio
from tests.rig.site import deno_site
from tests.rig.web_bucket import WebBucket

_NO_OGG = """
const decode = BaseAudioContext.prototype.decodeAudioData;
BaseAudioContext.prototype.decodeAudioData = function (data) {
  const isOgg = new TextDecoder("latin1").decode(data.slice(0, 4)) === "OggS";
  return isOgg ? Promise.reject(new DOMException("unknown", "EncodingError")) : decode.call(this, data);
};
"""


@contextmanager
def without_complaint(page: Page) -> Iterator[None]:
    """Nothing that the browser logs as an error or a breach of the policy happens inside."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            complaints.append(f"{message.text} {message.location.get('url')}")

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield
    assert not complaints


def serve(bucket: WebBucket, path: str, body: str, policy: str = "") -> str:
    """Puts somebody else's page, with its policy, beside the bucket: another origin than the site's. Its address."""
    whole = f'<!doctype html><title>Somebody</title><link rel="icon" href="data:,">{body}'
    headers = {"Content-Type": "text/html; charset=utf-8", **({"Content-Security-Policy": policy} if policy else {})}
    page = Answer(HTTPStatus.OK, whole.encode(), headers)
    bucket.fault = lambda asked: page if asked == path else None
    return bucket.url.rstrip("/") + path


@pytest.fixture(scope="module")
def on_the_web(
    lasting_station: tuple[Radio, WebBucket], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[WebBucket, str]]:
    """The bucket of a station on air, and the address of its site."""
    _, bucket = lasting_station
    with deno_site(bucket.url, tmp_path_factory.mktemp("deno") / "deno.log") as url:
        yield bucket, url


@pytest.mark.timeout(90)
def test_the_page_plays_under_its_policy(on_the_web: tuple[WebBucket, str], ear: Ear[Page]) -> None:
    """Style, script, HQ and the WebAssembly decoder for LQ all work, and the policy has nothing to refuse."""
    _, url = on_the_web
    ear.page.add_init_script(_NO_OGG)
    with without_complaint(ear.page):
        ear.visit(url)
        assert "default-src 'none'" in ear.page.request.get(url).headers["content-security-policy"]
        ear.ask("p.quality = 'lq'")
        ear.tap()
        ear.until("p.playingQuality === 'lq'", 20)
        ear.ask("p.quality = 'hq'")
        ear.until("p.playingQuality === 'hq'", 20)
        assert ear.ask("getComputedStyle(p.shadowRoot.querySelector('section')).display") == "grid"
        assert ear.page.locator("h1").inner_text() == "night-shift"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("decoder", ["", 'opus-decoder="/player/words.js"'], ids=["forbidden", "another script"])
def test_without_an_opus_decoder_hq_plays(on_the_web: tuple[WebBucket, str], ear: Ear[Page], decoder: str) -> None:
    """Where the browser knows no Ogg Opus and its fallback is forbidden or no decoder, what plays is HQ."""
    bucket, _ = on_the_web
    ear.page.add_init_script(_NO_OGG)
    policy = "default-src 'self'; script-src 'self'" if not decoder else "default-src 'self' 'wasm-unsafe-eval'"
    player = f'<radio-player src="/live/manifest.json" quality="lq" {decoder}></radio-player>'
    ear.visit(
        serve(bucket, "/strict.html", f'<script type="module" src="/player/radio-player.js"></script>{player}', policy)
    )
    ear.tap()
    ear.until("p.state === 'playing' && p.playingQuality === 'hq'", 20)


@pytest.mark.timeout(90)
def test_the_embedded_player_plays_in_anybodys_frame(on_the_web: tuple[WebBucket, str], page: Page) -> None:
    """/embed may be framed by another origin and plays there without a complaint; the page itself may not be framed."""
    bucket, url = on_the_web
    host = serve(bucket, "/host.html", f'<iframe src="{url}/embed" allow="autoplay"></iframe>')
    with without_complaint(page):
        page.goto(host)
        frame = page.frame_locator("iframe")
        frame.locator(PLAY).click()
        frame.locator("radio-player [part=facts]").get_by_text("behind live").wait_for(timeout=20_000)
    refused = serve(bucket, "/thief.html", f'<iframe src="{url}/"></iframe>')
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text, timeout=10_000):
        page.goto(refused)


@pytest.mark.timeout(60)
def test_a_sandboxed_frame_plays(on_the_web: tuple[WebBucket, str], page: Page) -> None:
    """A frame without an origin of its own gets no lock, no storage and no cookie, and plays all the same."""
    bucket, url = on_the_web
    framed = f'<iframe src="{url}/embed" sandbox="allow-scripts" allow="autoplay"></iframe>'
    page.goto(serve(bucket, "/host.html", framed))
    frame = page.frame_locator("iframe")
    frame.locator(PLAY).click()
    frame.locator("radio-player [part=facts]").get_by_text("behind live").wait_for(timeout=20_000)


@pytest.mark.timeout(90)
def test_the_snippet_plays_on_anybodys_page(on_the_web: tuple[WebBucket, str], ear: Ear[Page]) -> None:
    """What the page offers to copy, pasted into a page of another origin, plays."""
    bucket, url = on_the_web
    ear.page.goto(url)
    ear.page.locator("summary").click()
    snippet = ear.page.locator("pre").nth(1).inner_text()
    with without_complaint(ear.page):
        ear.visit(serve(bucket, "/fan.html", snippet))
        ear.tap()
        ear.until("p.state === 'playing'", 20)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_page_and_its_frame_are_accessible(on_the_web: tuple[WebBucket, str], ear: Ear[Page], scheme: str) -> None:
    """Axe finds nothing to complain about before anything plays, with everything unfolded, nor in the frame."""
    _, url = on_the_web
    ear.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    ear.visit(url)
    ear.page.locator("summary").click()
    is_accessible(ear.page)
    ear.visit(f"{url}/embed")
    is_accessible(ear.page)


@pytest.mark.timeout(60)
def test_the_page_can_be_installed(on_the_web: tuple[WebBucket, str], page: Page) -> None:
    """Chromium reads the web manifest without an error and finds nothing that keeps it from being installed."""
    _, url = on_the_web
    page.goto(url)
    browser = page.context.new_cdp_session(page)
    manifest = browser.send("Page.getAppManifest")
    assert not manifest["errors"]
    assert json.loads(manifest["data"])["name"] == "Radio"

    def complaints() -> set[str]:
        errors = browser.send("Page.getInstallabilityErrors")["installabilityErrors"]
        return {error["errorId"] for error in errors}

    # a test's profile is a private window, in which nothing can be installed
    eventually(lambda: complaints() <= {"in-incognito"}, 10, "it can be installed")
