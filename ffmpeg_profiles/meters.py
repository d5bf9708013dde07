"""The meters: peak and RMS per channel and EBU R128 loudness, ten times a second, as lines on a pipe."""

from __future__ import annotations

from ffmpeg_profiles.profile import Filter, Output


def meters(descriptor: int) -> Output:
    """The output that writes metadata lines to the inherited file descriptor ``descriptor``.

    The frames' numbers tell where they are in the run, their timestamps when the device captured them.
    """
    return Output(
        target="-",
        options={"f": "null"},
        source_time=True,
        filters=(
            # also cuts the stream into frames of 100 ms, the beat of the meters
            Filter("ebur128", options={"metadata": 1}),
            Filter(
                "astats",
                options={
                    "metadata": 1,
                    "reset": 1,
                    "measure_perchannel": "Peak_level+RMS_level",
                    "measure_overall": "none",
                },
            ),
            Filter(
                "ametadata",
                # direct: written at once, not when a buffer is full
                options={"mode": "print", "file": f"pipe:{descriptor}", "direct": 1},
            ),
            # a device's timestamps may go back a little, which a muxer would complain of
            Filter("asetpts", ("N/SR/TB",)),
        ),
    )
