"""Settings: what each may be, where its value comes from, and what a mistake is answered with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from supervisor.errors import Exit, UserError
from supervisor.settings import Loaded, Settings, load, source_of

SECRET = "hunter2-must-appear-nowhere"

DEFAULTS = {
    "R2_ENDPOINT": "",
    "R2_BUCKET": "",
    "R2_ACCESS_KEY": "",
    "R2_SECRET_KEY": "",
    "R2_PUBLIC_URL": "",
    "R2_REGION": "auto",
    "RADIO_STORE": "s3",
    "RADIO_PREFIX": "",
    "RADIO_STATION": "radio",
    "RADIO_SOURCE": "",
    "RADIO_INPUT_CHANNELS": "2",
    "RADIO_INPUT_PAIR": "1,2",
    "RADIO_SAMPLE_RATE": "48000",
    "RADIO_SEGMENT_SECONDS": "10",
    "RADIO_WINDOW": "3",
    "RADIO_SPOOL_DIR": "",
    "RADIO_SPOOL_LIMIT_MB": "256",
    "RADIO_RECORDINGS_DIR": "recordings",
    "RADIO_RECORDINGS_KEEP_DAYS": "",
    "RADIO_RECORDINGS_MIN_FREE_GB": "5.0",
    "RADIO_RECORDING_SECONDS": "3600",
    "RADIO_OFFLINE_AFTER": "",
    "RADIO_STATUS_LISTEN": "127.0.0.1:9464",
    "RADIO_LOG_FORMAT": "text",
    "RADIO_LOG_LEVEL": "INFO",
    "RADIO_SILENCE_DB": "-60.0",
    "RADIO_SILENCE_SECONDS": "20.0",
    "RADIO_PAGE_ORIGIN": "",
    "RADIO_ALERT_URLS": "",
}

TAKEN = [
    ("R2_ENDPOINT", "https://abc.r2.cloudflarestorage.com", "https://abc.r2.cloudflarestorage.com"),
    ("R2_ENDPOINT", "https://abc.r2.cloudflarestorage.com/", "https://abc.r2.cloudflarestorage.com"),
    ("R2_ENDPOINT", "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ("R2_ENDPOINT", "http://[::1]:8000", "http://[::1]:8000"),
    ("R2_BUCKET", "radio", "radio"),
    ("R2_PUBLIC_URL", "https://cdn.example.org/radio/", "https://cdn.example.org/radio"),
    ("R2_REGION", "us-east-1", "us-east-1"),
    ("RADIO_STORE", "s3", "s3"),
    ("RADIO_STORE", "dir:/srv/bucket", "dir:/srv/bucket"),
    ("RADIO_STORE", "dir:a folder", "dir:a folder"),
    ("RADIO_PREFIX", "vinyl", "vinyl"),
    ("RADIO_PREFIX", "a/b-c_d.e", "a/b-c_d.e"),
    ("RADIO_PREFIX", "/vinyl/", "vinyl"),
    ("RADIO_STATION", "my-radio_2.0", "my-radio_2.0"),
    ("RADIO_STATION", "7", "7"),
    ("RADIO_STATION", "a" * 64, "a" * 64),
    ("RADIO_SOURCE", "alsa:hw:CARD=UMC404HD", "alsa:hw:CARD=UMC404HD"),
    ("RADIO_SOURCE", "usb:1397:0509:A1", "usb:1397:0509:A1"),
    ("RADIO_INPUT_CHANNELS", "64", "64"),
    ("RADIO_INPUT_PAIR", "2,1", "2,1"),
    ("RADIO_INPUT_PAIR", " 1 , 2 ", "1,2"),
    ("RADIO_SAMPLE_RATE", "48000", "48000"),
    ("RADIO_SEGMENT_SECONDS", "1", "1"),
    ("RADIO_SEGMENT_SECONDS", "30", "30"),
    ("RADIO_WINDOW", "2", "2"),
    ("RADIO_WINDOW", "68", "68"),
    ("RADIO_SPOOL_DIR", "/mnt/ram", "/mnt/ram"),
    ("RADIO_SPOOL_LIMIT_MB", "25", "25"),
    ("RADIO_RECORDINGS_DIR", "/srv/recordings", "/srv/recordings"),
    ("RADIO_RECORDINGS_KEEP_DAYS", "1", "1"),
    ("RADIO_RECORDINGS_MIN_FREE_GB", "0", "0.0"),
    ("RADIO_RECORDINGS_MIN_FREE_GB", "2.5", "2.5"),
    ("RADIO_RECORDING_SECONDS", "10", "10"),
    ("RADIO_RECORDING_SECONDS", "86400", "86400"),
    ("RADIO_OFFLINE_AFTER", "20", "20.0"),
    ("RADIO_STATUS_LISTEN", "0.0.0.0:80", "0.0.0.0:80"),
    ("RADIO_STATUS_LISTEN", "[::1]:65535", "[::1]:65535"),
    ("RADIO_LOG_FORMAT", "json", "json"),
    ("RADIO_LOG_LEVEL", "debug", "DEBUG"),
    ("RADIO_LOG_LEVEL", "WARNING", "WARNING"),
    ("RADIO_SILENCE_DB", "-144", "-144.0"),
    ("RADIO_SILENCE_DB", "0", "0.0"),
    ("RADIO_SILENCE_SECONDS", "1", "1.0"),
    ("RADIO_PAGE_ORIGIN", "https://Radio.example", "https://radio.example"),
    ("RADIO_PAGE_ORIGIN", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ("RADIO_PAGE_ORIGIN", "http://[::1]:8080", "http://[::1]:8080"),
]

REFUSED = [
    ("R2_ENDPOINT", "abc.r2.cloudflarestorage.com", "URL"),
    ("R2_ENDPOINT", "ftp://abc.r2.cloudflarestorage.com", "URL"),
    ("R2_ENDPOINT", "https://", "URL"),
    ("R2_ENDPOINT", "https://[::1", "URL"),
    ("R2_ENDPOINT", "https://abc.r2.cloudflarestorage.com/bucket", "without a path"),
    ("R2_ENDPOINT", "https://abc.r2.cloudflarestorage.com?x=1", "without a path"),
    ("R2_ENDPOINT", "https://abc.r2.cloudflarestorage.com:https", "URL"),
    ("R2_ENDPOINT", "https://a b.example", "URL"),
    ("R2_ENDPOINT", "https://a..b.example", "URL"),
    ("R2_ENDPOINT", "https://host:0", "URL"),
    ("R2_REGION", "eu west", "region"),
    ("R2_REGION", "eu_west-", "region"),
    ("R2_BUCKET", "my..radio", "3 to 63 of"),
    ("R2_BUCKET", "my.-radio", "3 to 63 of"),
    ("R2_BUCKET", "192.168.1.1", "3 to 63 of"),
    ("R2_PUBLIC_URL", "cdn.example.org", "URL"),
    ("R2_PUBLIC_URL", "file:///srv", "URL"),
    ("R2_PUBLIC_URL", "https://", "URL"),
    ("R2_PUBLIC_URL", "https://cdn.example:port/radio", "URL"),
    ("RADIO_RECORDINGS_DIR", "~nobody-of-that-name/rec", "folder"),
    ("RADIO_STATUS_LISTEN", "a..b:9464", "HOST:PORT"),
    ("RADIO_SILENCE_SECONDS", "inf", "1 or more"),
    ("RADIO_SILENCE_DB", "nan", "-144 to 0"),
    ("RADIO_STORE", "gcs", "s3 or dir:PATH"),
    ("RADIO_STORE", "dir:", "s3 or dir:PATH"),
    ("RADIO_PREFIX", "a b", "letters, digits"),
    ("RADIO_PREFIX", "a//b", "letters, digits"),
    ("RADIO_PREFIX", "ü", "letters, digits"),
    ("RADIO_STATION", "-radio", "letters, digits"),
    ("RADIO_STATION", "my radio", "letters, digits"),
    ("RADIO_STATION", "a/b", "letters, digits"),
    ("RADIO_STATION", "a" * 65, "at most 64"),
    ("RADIO_INPUT_CHANNELS", "0", "1 to 64"),
    ("RADIO_INPUT_CHANNELS", "65", "1 to 64"),
    ("RADIO_INPUT_CHANNELS", "two", "1 to 64"),
    ("RADIO_INPUT_PAIR", "1", "two channel numbers"),
    ("RADIO_INPUT_PAIR", "1,2,3", "two channel numbers"),
    ("RADIO_INPUT_PAIR", "1-2", "two channel numbers"),
    ("RADIO_INPUT_PAIR", "-1,2", "two channel numbers"),
    ("RADIO_SAMPLE_RATE", "44100", "48000"),
    ("RADIO_SAMPLE_RATE", "48k", "48000"),
    ("RADIO_SEGMENT_SECONDS", "0", "1 to 30"),
    ("RADIO_SEGMENT_SECONDS", "31", "1 to 30"),
    ("RADIO_SEGMENT_SECONDS", "2.5", "1 to 30, whole"),
    ("RADIO_WINDOW", "1", "2 to 100"),
    ("RADIO_WINDOW", "101", "2 to 100"),
    ("RADIO_WINDOW", "three", "2 to 100"),
    ("RADIO_SPOOL_LIMIT_MB", "15", "16 or more"),
    ("RADIO_RECORDINGS_KEEP_DAYS", "0", "1 to 36500"),
    ("RADIO_RECORDINGS_KEEP_DAYS", "forever", "1 to 36500"),
    ("RADIO_RECORDINGS_KEEP_DAYS", "1000000", "1 to 36500"),
    ("RADIO_RECORDINGS_MIN_FREE_GB", "-1", "0 to 1000000"),
    ("RADIO_RECORDINGS_MIN_FREE_GB", "nan", "0 to 1000000"),
    ("RADIO_RECORDINGS_MIN_FREE_GB", "1e300", "0 to 1000000"),
    ("RADIO_RECORDING_SECONDS", "0", "divisor of 86400"),
    ("RADIO_RECORDING_SECONDS", "7000", "divisor of 86400"),
    ("RADIO_OFFLINE_AFTER", "soon", "two segments"),
    ("RADIO_STATUS_LISTEN", "9464", "HOST:PORT"),
    ("RADIO_STATUS_LISTEN", ":9464", "HOST:PORT"),
    ("RADIO_STATUS_LISTEN", "localhost:", "HOST:PORT"),
    ("RADIO_STATUS_LISTEN", "localhost:65536", "HOST:PORT"),
    ("RADIO_STATUS_LISTEN", "localhost:-1", "HOST:PORT"),
    ("RADIO_LOG_FORMAT", "xml", "text or json"),
    ("RADIO_LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING or ERROR"),
    ("RADIO_SILENCE_DB", "1", "-144 to 0"),
    ("RADIO_SILENCE_DB", "-145", "-144 to 0"),
    ("RADIO_SILENCE_SECONDS", "0.5", "1 or more"),
    ("RADIO_PAGE_ORIGIN", "radio.example", "https://HOST"),
    ("RADIO_PAGE_ORIGIN", "https://radio.example/", "https://HOST"),
    ("RADIO_PAGE_ORIGIN", "*", "https://HOST"),
]

SECRETS = ("R2_ACCESS_KEY", "R2_SECRET_KEY", "RADIO_ALERT_URLS")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine's own, and a working folder of the test's own."""
    for name in os.environ:
        if name.upper().startswith(("RADIO_", "R2_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _value(loaded: Loaded, name: str) -> tuple[str, str]:
    return next((value, origin) for known, value, origin in loaded.rows() if known == name)


def _mistake() -> UserError:
    with pytest.raises(UserError) as caught:
        load()
    return caught.value


def test_there_are_the_settings_of_the_design_and_no_others() -> None:
    """The names that can be set are exactly those that are documented."""
    assert [name for name, _, _ in load().rows()] == list(DEFAULTS)


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items(), ids=DEFAULTS)
def test_what_is_not_set_has_its_documented_default(name: str, value: str) -> None:
    """With nothing set every setting has the default of the design, and says so."""
    assert _value(load(), name) == (value, "default")


@pytest.mark.parametrize(("name", "given", "value"), TAKEN)
def test_an_allowed_value_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, given: str, value: str) -> None:
    """Whatever is documented as allowed is taken, in its plainest form."""
    monkeypatch.setenv(name, given)
    assert _value(load(), name) == (value, "environment")


@pytest.mark.parametrize(("name", "given", "allowed"), REFUSED)
def test_a_value_that_is_not_allowed_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, given: str, allowed: str
) -> None:
    """One mistake is one line with the setting, its value, where it came from and what is allowed."""
    monkeypatch.setenv(name, given)
    error = _mistake()
    assert len(error.what.splitlines()) == 1
    assert error.what.startswith(f"{name}={given} (from environment) is not allowed: ")
    assert allowed in error.what.partition("Allowed: ")[2]
    assert error.exit_code is Exit.USAGE
    assert error.remedy


@pytest.mark.parametrize("name", ["RADIO_OFFLINE_AFTER", "RADIO_RECORDINGS_MIN_FREE_GB"])
@pytest.mark.parametrize("given", ["nan", "inf"])
def test_a_limit_without_a_number_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, given: str) -> None:
    """A limit is a finite number: anything else would quietly switch off what it limits, or prune everything."""
    monkeypatch.setenv(name, given)
    assert f"{name}={given}" in _mistake().what


@pytest.mark.parametrize("given", ["..", ".", "../other", "a/../b", "a/./b"])
def test_a_prefix_that_leads_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """No browser asks for a key with a dot segment in it, and a store in a folder would be left by it."""
    monkeypatch.setenv("RADIO_PREFIX", given)
    assert f"RADIO_PREFIX={given}" in _mistake().what


def test_several_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever made three mistakes is told three times in one go, from whichever place each came."""
    Path(".env").write_text("RADIO_WINDOW=1\nRADIO_LOG_FORMAT=xml\n", encoding="utf-8")
    monkeypatch.setenv("RADIO_SEGMENT_SECONDS", "31")
    monkeypatch.setenv("RADIO_STATON", "x")
    with pytest.raises(UserError) as caught:
        load(command_line={"RADIO_STORE": "gcs"})
    lines = caught.value.what.splitlines()
    assert sorted(line.split("=")[0].split(" ")[0] for line in lines) == [
        "RADIO_LOG_FORMAT",
        "RADIO_SEGMENT_SECONDS",
        "RADIO_STATON",
        "RADIO_STORE",
        "RADIO_WINDOW",
    ]
    assert all("(from " in line for line in lines)
    assert any("RADIO_STORE=gcs (from command line)" in line for line in lines)
    assert any("RADIO_WINDOW=1 (from .env)" in line for line in lines)


@pytest.mark.parametrize(
    ("in_file", "in_environment", "on_command_line", "value", "origin"),
    [
        ("", "", "", "3", "default"),
        ("4", "", "", "4", ".env"),
        ("4", "5", "", "5", "environment"),
        ("4", "", "6", "6", "command line"),
        ("", "5", "6", "6", "command line"),
        ("4", "5", "6", "6", "command line"),
    ],
)
def test_command_line_wins_over_environment_over_file(
    monkeypatch: pytest.MonkeyPatch,
    in_file: str,
    in_environment: str,
    on_command_line: str,
    value: str,
    origin: str,
) -> None:
    """The value that counts is that of the strongest place, and that place is what is shown."""
    if in_file:
        Path(".env").write_text(f"RADIO_WINDOW={in_file}\n", encoding="utf-8")
    if in_environment:
        monkeypatch.setenv("RADIO_WINDOW", in_environment)
    loaded = load(command_line={"RADIO_WINDOW": on_command_line} if on_command_line else None)
    assert _value(loaded, "RADIO_WINDOW") == (value, origin)
    assert loaded.settings.radio_window == int(value)


def test_a_mistake_is_blamed_on_the_place_that_won(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong value on the command line is told with its own text, not with the environment's right one."""
    monkeypatch.setenv("RADIO_WINDOW", "5")
    with pytest.raises(UserError) as caught:
        load(command_line={"RADIO_WINDOW": "x"})
    assert "RADIO_WINDOW=x (from command line)" in caught.value.what


def test_a_mistake_that_is_overruled_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong value in the file is no error when the environment has a right one."""
    Path(".env").write_text("RADIO_WINDOW=x\n", encoding="utf-8")
    monkeypatch.setenv("RADIO_WINDOW", "5")
    assert _value(load(), "RADIO_WINDOW") == ("5", "environment")


def test_a_folder_that_may_not_be_looked_into_has_no_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks as another user, from a home that is closed to them, gets the settings of the environment."""

    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", closed)
    assert ".env" not in load().origins.values()


def test_the_env_file_can_be_named() -> None:
    """A file given by name is read instead of ``.env``, and is named as the origin."""
    Path(".env").write_text("RADIO_WINDOW=4\n", encoding="utf-8")
    Path("other.env").write_text("# a comment\nRADIO_STATION='my-radio'\nHOME=/nowhere\n", encoding="utf-8")
    loaded = load(Path("other.env"))
    assert _value(loaded, "RADIO_WINDOW") == ("3", "default")
    assert _value(loaded, "RADIO_STATION") == ("my-radio", "other.env")


@pytest.mark.parametrize("kind", ["missing", "folder", "not text"])
def test_an_env_file_that_cannot_be_read_is_named(tmp_path: Path, kind: str) -> None:
    """A named env file that cannot be read is one clear error, not a set of defaults."""
    path = tmp_path / "radio.env"
    if kind == "folder":
        path.mkdir()
    elif kind == "not text":
        path.write_bytes(b"RADIO_STATION=\xff\n")
    with pytest.raises(UserError, match="cannot be read") as caught:
        load(path)
    assert str(path) in caught.value.what


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("RADIO_STATON", "RADIO_STATION"),
        ("R2_ENDPONIT", "R2_ENDPOINT"),
        ("RADIO_SEGMENT_SECOND", "RADIO_SEGMENT_SECONDS"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(monkeypatch: pytest.MonkeyPatch, wrong: str, right: str) -> None:
    """A misspelt name is refused, says where it stands, and is told the name that was probably meant."""
    monkeypatch.setenv(wrong, SECRET)
    error = _mistake()
    assert f"{wrong} (from environment) is not a setting. Did you mean {right}?" in error.what
    assert SECRET not in str(error)


def test_an_unknown_name_is_refused_wherever_it_stands() -> None:
    """Unknown names are found in the file and on the command line too."""
    Path(".env").write_text("RADIO_QQQQ=1\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load(command_line={"COLOUR": "red"})
    assert "RADIO_QQQQ (from .env) is not a setting" in caught.value.what
    assert "COLOUR (from command line) is not a setting" in caught.value.what


def test_names_of_other_programs_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not begin with the program's prefixes is no business of it."""
    monkeypatch.setenv("RADIOHEAD", "1")
    monkeypatch.setenv("XRADIO_WINDOW", "1")
    Path(".env").write_text("DEBUG=1\n", encoding="utf-8")
    assert {origin for _, _, origin in load().rows()} == {"default"}


@pytest.mark.parametrize("in_file", [True, False], ids=["file", "environment"])
def test_what_is_set_never_claims_to_be_a_default(monkeypatch: pytest.MonkeyPatch, *, in_file: bool) -> None:
    """A name in small letters is either no setting or has its origin shown, but never takes effect in secret."""
    if in_file:
        Path(".env").write_text("radio_window=7\n", encoding="utf-8")
    else:
        monkeypatch.setenv("radio_window", "7")
    try:
        value, origin = _value(load(), "RADIO_WINDOW")
    except UserError as error:
        assert "radio_window" in error.what  # noqa: PT017 - refusing it by name would be as good
    else:
        assert (value == "3") == (origin == "default")


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files set empty variables for what is not given: the weaker place or the default counts."""
    Path(".env").write_text("RADIO_WINDOW=4\nRADIO_STATION=\nRADIO_SPOOL_DIR\n", encoding="utf-8")
    for name in DEFAULTS:
        monkeypatch.setenv(name, "")
    loaded = load()
    assert _value(loaded, "RADIO_WINDOW") == ("4", ".env")
    assert {origin for name, _, origin in loaded.rows() if name != "RADIO_WINDOW"} == {"default"}


@pytest.mark.parametrize("name", ["RADIO_PREFIX", "RADIO_WINDOW"])
def test_an_empty_value_on_the_command_line_is_not_blamed_on_another_place(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whatever ``--set NAME=`` does, it never shows a value beside an origin that did not give it."""
    monkeypatch.setenv(name, "5")
    try:
        value, origin = _value(load(command_line={name: ""}), name)
    except UserError as error:
        assert f"{name}= (from command line)" in error.what  # noqa: PT017 - refusing it would be as good
    else:
        assert (value, origin) in {("5", "environment"), ("", "command line"), (DEFAULTS[name], "default")}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_on_the_command_line_is_refused_and_not_repeated(name: str) -> None:
    """What others can read in the list of processes is refused without saying it again."""
    with pytest.raises(UserError) as caught:
        load(command_line={name: SECRET, "RADIO_WINDOW": "x"})
    assert f"{name} may not be given on the command line" in caught.value.what
    assert "RADIO_WINDOW=x" in caught.value.what
    assert SECRET not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Neither the table of settings nor anything that a log might print holds a secret."""
    monkeypatch.setenv(name, SECRET)
    loaded = load()
    value, origin = _value(loaded, name)
    assert origin == "environment"
    assert set(value) == {"*"}
    told = (*map(str, loaded.rows()), repr(loaded), str(loaded.settings), loaded.settings.model_dump_json())
    assert not any(SECRET in text for text in told)
    assert getattr(loaded.settings, name.lower()).get_secret_value() == SECRET


@pytest.mark.parametrize("name", ["R2_ENDPOINT", "R2_PUBLIC_URL"])
@pytest.mark.parametrize("url", [f"https://key:{SECRET}@host", f"https://{SECRET}@host", f"ftp://{SECRET}@host"])
def test_keys_in_a_url_are_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    """Keys do not belong into a URL, and the error does not print them."""
    monkeypatch.setenv(name, url)
    error = _mistake()
    assert error.what.startswith(f"{name}=")
    assert SECRET not in str(error)


@pytest.mark.parametrize("name", ["R2_ACCESS_KEY", "R2_SECRET_KEY"])
@pytest.mark.parametrize("end", ["\r", "\n", " ", "\u00e9", "\u200b"])
def test_a_key_that_was_pasted_with_something_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, end: str
) -> None:
    """A line break or another character that no key has is told by the setting's name, before any request is signed."""
    monkeypatch.setenv(name, f"{SECRET}{end}")
    error = _mistake()
    assert error.what.startswith(f"{name}=********")
    assert SECRET not in str(error) + repr(error)


@pytest.mark.parametrize("line", ["RADIO_WINDOW 5", "RADIO_STATION: my", f"{SECRET}-continued here", "R2_BUCKET='a"])
def test_a_line_that_is_no_assignment_is_refused(caplog: pytest.LogCaptureFixture, line: str) -> None:
    """What cannot be understood in an env file is told by its line, never skipped, and not repeated."""
    Path(".env").write_text(f"# mine\nRADIO_SOURCE=tone:\n{line}\nRADIO_LOG_LEVEL=INFO\n", encoding="utf-8")
    error = _mistake()
    assert "'.env' cannot be understood in line 3" in error.what
    assert "NAME=VALUE" in error.remedy
    assert SECRET not in str(error) + caplog.text


def test_a_tilde_is_the_users_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the shell would have put the home folder in its place, an env file means the same."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RADIO_RECORDINGS_DIR", "RADIO_SPOOL_DIR"):
        monkeypatch.setenv(name, "~/radio")
    monkeypatch.setenv("RADIO_STORE", "dir:~/bucket")
    (tmp_path / "song.flac").touch()
    monkeypatch.setenv("RADIO_SOURCE", "file:~/song.flac")
    settings = load().settings
    assert settings.radio_recordings_dir == settings.spool_dir == tmp_path / "radio"
    assert settings.radio_store == f"dir:{tmp_path / 'bucket'}"
    assert source_of(settings).url == f"file:{tmp_path / 'song.flac'}"


def test_off_air_comes_after_30_seconds_or_three_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a setting the station counts as off air after 30 s, or after three segments when that is longer."""
    assert load().settings.offline_after_s == 30
    monkeypatch.setenv("RADIO_SEGMENT_SECONDS", "30")
    assert load().settings.offline_after_s == 90
    monkeypatch.setenv("RADIO_OFFLINE_AFTER", "61.5")
    assert load().settings.offline_after_s == 61.5


@pytest.mark.parametrize(("after", "segment"), [("19", "10"), ("59.9", "30"), ("0", "1"), ("-5", "1")])
def test_off_air_between_two_segments_is_a_contradiction(
    monkeypatch: pytest.MonkeyPatch, after: str, segment: str
) -> None:
    """A station that would go off air between two segments is refused, naming both settings."""
    monkeypatch.setenv("RADIO_OFFLINE_AFTER", after)
    monkeypatch.setenv("RADIO_SEGMENT_SECONDS", segment)
    what = _mistake().what
    assert f"RADIO_OFFLINE_AFTER={after}" in what
    assert "RADIO_SEGMENT_SECONDS" in what
    assert len(what.splitlines()) == 1


@pytest.mark.parametrize(("channels", "pair"), [("2", "1,3"), ("1", "1,2"), ("4", "0,1"), ("4", "5,1")])
def test_a_channel_that_the_device_does_not_have_is_a_contradiction(
    monkeypatch: pytest.MonkeyPatch, channels: str, pair: str
) -> None:
    """A pair outside the device's channels is refused, naming both settings."""
    monkeypatch.setenv("RADIO_INPUT_CHANNELS", channels)
    monkeypatch.setenv("RADIO_INPUT_PAIR", pair)
    what = _mistake().what
    assert f"RADIO_INPUT_PAIR={pair}" in what
    assert f"1 to {channels}" in what
    assert "RADIO_INPUT_CHANNELS" in what


def test_a_recording_shorter_than_a_segment_is_a_contradiction(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording holds whole segments; both settings are named."""
    monkeypatch.setenv("RADIO_RECORDING_SECONDS", "5")
    what = _mistake().what
    assert "RADIO_RECORDING_SECONDS=5" in what
    assert "RADIO_SEGMENT_SECONDS" in what


@pytest.mark.parametrize(
    ("segment_s", "window", "limit_mb", "least_mb"),
    [
        ("1", "2", "16", None),
        ("1", "100", "16", 37),
        ("1", "100", "37", None),
        ("10", "3", "16", 25),
        ("10", "3", "256", None),
        ("10", "100", "256", 366),
        ("10", "100", "366", None),
        ("30", "3", "16", 74),
        ("30", "100", "1098", None),
    ],
)
def test_a_spool_that_cannot_hold_the_window_is_a_contradiction(
    monkeypatch: pytest.MonkeyPatch, segment_s: str, window: str, limit_mb: str, least_mb: int | None
) -> None:
    """While the store is away a whole window waits: a limit below that is refused, with the least that will do."""
    monkeypatch.setenv("RADIO_SEGMENT_SECONDS", segment_s)
    monkeypatch.setenv("RADIO_WINDOW", window)
    monkeypatch.setenv("RADIO_SPOOL_LIMIT_MB", limit_mb)
    if least_mb is None:
        assert load().settings.spool_wanted.window == int(window)
        return
    what = _mistake().what
    assert f"RADIO_SPOOL_LIMIT_MB={limit_mb}" in what
    assert f"RADIO_WINDOW={window}" in what
    assert f"{least_mb} is the least" in what


def test_contradictions_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two contradictions are two lines of one error."""
    monkeypatch.setenv("RADIO_OFFLINE_AFTER", "1")
    monkeypatch.setenv("RADIO_INPUT_PAIR", "3,4")
    assert len(_mistake().what.splitlines()) == 2


@pytest.mark.parametrize(
    ("listen", "address"),
    [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:80", ("::1", 80)), ("radio.local:0", ("radio.local", 0))],
)
def test_the_status_address_is_host_and_port(
    monkeypatch: pytest.MonkeyPatch, listen: str, address: tuple[str, int]
) -> None:
    """Host and port come apart, also for IPv6."""
    monkeypatch.setenv("RADIO_STATUS_LISTEN", listen)
    assert load().settings.status_address == address


def test_the_spool_is_on_tmpfs_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spool is ``/staging`` where a container has it, else a folder of this user and station in memory."""
    monkeypatch.setenv("RADIO_STATION", "vinyl")
    own = Path("/dev", "shm", f"radio-supervisor-{os.getuid()}", "vinyl")
    assert load().settings.spool_dir == (Path("/staging") if Path("/staging").is_dir() else own)
    monkeypatch.setenv("RADIO_SPOOL_DIR", "/mnt/ram")
    assert load().settings.spool_dir == Path("/mnt/ram")


def test_the_input_is_what_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels and pair reach the source as they were set."""
    monkeypatch.setenv("RADIO_INPUT_CHANNELS", "4")
    monkeypatch.setenv("RADIO_INPUT_PAIR", "3,4")
    wanted = load().settings.input
    assert (wanted.sample_rate, wanted.channels, wanted.pair) == (48_000, 4, (3, 4))


def test_settings_cannot_be_changed() -> None:
    """Settings are a value: nobody changes them behind somebody else's back."""
    with pytest.raises(ValueError, match="frozen"):
        load().settings.radio_window = 5  # type: ignore[misc]


def test_the_source_is_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source is read as the input settings say."""
    monkeypatch.setenv("RADIO_SOURCE", "alsa:hw:CARD=UMC404HD")
    monkeypatch.setenv("RADIO_INPUT_CHANNELS", "4")
    source = source_of(load().settings)
    assert (source.url, source.device, source.options["channels"]) == ("hw:CARD=UMC404HD", True, 4)


def test_no_source_is_told_with_what_can_be_one() -> None:
    """Without a source there is nothing to capture, and the operator is told what it could be."""
    with pytest.raises(UserError, match="RADIO_SOURCE is not set") as caught:
        source_of(load().settings)
    assert all(example in caught.value.remedy for example in ("alsa:PCM", "file:PATH", "tone:", "devices"))


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("mic", "allowed: alsa:PCM"),
        ("pulse:default", "allowed: alsa:PCM"),
        ("alsa:", "names no device"),
        ("file:/nowhere/to/be/found.flac", "there is no file '/nowhere/to/be/found.flac'"),
        (f"file:{'a' * 300}", "cannot be read: File name too long"),
        ("file:~nobody-of-that-name/a.flac", "cannot be read: there is no such user's home"),
        ("tone:440", "takes nothing"),
    ],
)
def test_a_source_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, source: str, told: str) -> None:
    """A source that cannot be used is told by setting, value and what is wrong with it."""
    monkeypatch.setenv("RADIO_SOURCE", source)
    with pytest.raises(UserError) as caught:
        source_of(load().settings)
    assert caught.value.what.startswith(f"RADIO_SOURCE={source}: ")
    assert told in caught.value.what


def test_every_setting_says_what_it_is_and_may_be() -> None:
    """Every setting has a description and its allowed values, from which the reference is made."""
    for field in Settings.model_fields.values():
        assert field.description
        assert isinstance(field.json_schema_extra, dict)
        assert field.json_schema_extra["allowed"]
