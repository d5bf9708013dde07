"""The check: one MD5 of the captured PCM for each segment, which is FLAC's own MD5 (RFC 9639, section 8.2)."""

from __future__ import annotations

from ffmpeg_profiles.profile import Output, segmented

NAME = "check"
EXTENSION = "framemd5"


def check(folder_and_stem: str, segment_s: int, sample_rate: int) -> Output:
    """The output that writes ``<folder_and_stem>.check.<number>.framemd5``, one line of MD5 in each."""
    return segmented(
        f"{folder_and_stem}.{NAME}",
        EXTENSION,
        segment_s,
        {
            "c:a": "pcm_s24le",
            # one packet, and so one MD5, is one segment; the last may be shorter. A filter that held a whole segment
            # back would have FFmpeg 7 hold back the other outputs too
            "bsf:a": f"pcm_rechunk=n={segment_s * sample_rate}:p=0",
            "segment_format": "framemd5",
        },
    )
