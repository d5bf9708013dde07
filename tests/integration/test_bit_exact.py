"""What was played into a real ALSA device is what listeners get from a real S3 server, sample for sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.rig.audio import Pcm, decode_flac, decode_opus, flac_is_perfect, one_opus_file, programme
from tests.rig.parts import eventually, need
from tests.rig.radio import on_air
from tests.rig.reader import Reader, reading
from tests.rig.s3 import SECRET_KEY, Bucket
from tests.rig.sound import sound_device


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("channels", "pair", "segment_s"), [(2, (1, 2), 10), (4, (3, 4), 3)], ids=["stereo", "pair-3-4-of-4"]
)
def test_every_sample_arrives_in_both_qualities(
    tmp_path: Path, tmpfs: Path, bucket: Bucket, channels: int, pair: tuple[int, int], segment_s: int
) -> None:
    """Four segments and more through ALSA, FFmpeg and S3: HQ equal, LQ as one continuous decode, joins without loss."""
    need("flac")
    played = programme(4.6 * segment_s, channels, seed=channels)
    raw = tmp_path / "programme.s32"
    # PulseAudio rewinds when a stream begins: a monitor misses up to its latency of what comes first
    raw.write_bytes(bytes(4 * channels * 48_000) + played.tobytes())
    settings = {
        **bucket.settings,
        "RADIO_INPUT_PAIR": f"{pair[0]},{pair[1]}",
        "RADIO_SEGMENT_SECONDS": str(segment_s),
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
        "RADIO_OFFLINE_AFTER": "120",
    }
    sound = tmpfs / "sound"
    sound.mkdir()
    with (
        sound_device(sound, channels) as device,
        reading(bucket) as reader,
        on_air(tmp_path, {**settings, **device.settings}) as radio,
    ):
        eventually(lambda: radio.status().get("levels", {}).get("rms_db"), 20, "levels are measured")
        with device.playing(raw) as player:
            player.wait(5 * segment_s + 15)
            radio.published(6, within_s=2 * segment_s + 10)
        assert radio.stop() == 0
    assert reader.violations == []
    assert max(reader.most_objects.values()) <= 3 + 1  # the window, and the segment that comes before one goes
    assert SECRET_KEY not in radio.log
    assert [segment["gap"] for segment in _in_order(reader)] == [0] * len(reader.segments)
    assert all(segment["samples"] == segment_s * 48_000 for segment in _in_order(reader)[:-1])
    _assert_hq_is_the_programme(reader, played[:, [pair[0] - 1, pair[1] - 1]] >> 8)
    _assert_flac_finds_nothing(reader, tmp_path)
    _assert_lq_is_one_stream(reader)


def _in_order(reader: Reader) -> list[dict[str, object]]:
    indices = sorted(reader.segments)
    assert indices == list(range(indices[0], indices[-1] + 1))
    return [reader.segments[index] for index in indices]


def _assert_hq_is_the_programme(reader: Reader, played: Pcm) -> None:
    heard = np.concatenate([decode_flac(reader.objects[s["hq"]["key"]]) for s in _in_order(reader)])  # type: ignore[index]
    first = int(np.flatnonzero(heard.any(axis=1))[0])
    assert np.array_equal(heard[first : first + len(played)], played)
    assert not heard[first + len(played) :].any()


def _assert_flac_finds_nothing(reader: Reader, folder: Path) -> None:
    for key in (key for key in reader.objects if key.endswith(".flac")):
        path = folder / Path(key).name
        path.write_bytes(reader.objects[key])
        assert flac_is_perfect(path), key


def _assert_lq_is_one_stream(reader: Reader) -> None:
    segments = _in_order(reader)
    files = [(reader.objects[s["lq"]["key"]], s["lq"]["preroll"]) for s in segments]  # type: ignore[index]
    assert [preroll for _, preroll in files] == [0] + [15_360] * (len(files) - 1)
    alone = [decode_opus(data) for data, _ in files]
    assert [len(sound) for sound in alone] == [s["samples"] for s in segments]
    continuous = decode_opus(one_opus_file(files))
    joined = np.concatenate(alone)
    assert np.abs(joined - continuous[: len(joined)]).max() < 1e-4
