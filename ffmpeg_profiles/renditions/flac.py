"""``hq``: lossless FLAC, 24 bit (RFC 9639)."""

from ffmpeg_profiles.profile import Rendition

FRAME_SAMPLES = 4_800
"""Samples in a FLAC frame: a divisor of every whole second at 48 kHz, so that segments end where frames end."""

RENDITION = Rendition(
    name="hq",
    extension="flac",
    options={
        "c:a": "flac",
        # the encoder's input is 32 bit; the programme is 24
        "bits_per_raw_sample": 24,
        # the default (4608) does not divide a segment: cuts would fall 3840 samples late
        "frame_size": FRAME_SAMPLES,
        "segment_format": "flac",
        # the default leaves 8 KB of padding in every file
        "segment_format_options": "flush_packets=1:metadata_header_padding=0",
    },
)
