"""``lq``: Opus at 128 kbit/s in Ogg (RFC 6716, RFC 7845)."""

from ffmpeg_profiles.profile import Filter, Rendition

ENCODER_DELAY_SAMPLES = 312
"""What libopus adds in front at 48 kHz; the same number of samples is taken off its input."""

BITRATE = 128_000

RENDITION = Rendition(
    name="lq",
    extension="opus",
    options={
        "c:a": "libopus",
        "b:a": BITRATE,
        "vbr": "on",
        "application": "audio",
        # 20 ms divides every whole second
        "frame_duration": 20,
        "segment_format": "ogg",
        # a page each 100 ms, as long as a FLAC frame, in microseconds: the default holds a second back
        "segment_format_options": "flush_packets=1:page_duration=100000",
    },
    filters=(
        # cancels the encoder's delay, so that packet borders are segment borders
        Filter("atrim", options={"start_sample": ENCODER_DELAY_SAMPLES}),
        Filter("asetpts", ("N/SR/TB",)),
    ),
)
