"""A synthetic programme without end: soft chords and a plucked line that wanders between left and right."""

from __future__ import annotations

from ffmpeg_profiles.profile import Input, ProfileError, Source

_MADE_HZ = 12_000
"""No voice reaches 2 kHz: reckoned at this rate and resampled, it takes a quarter of the processor."""

SCHEME = "tone"
EXAMPLE = "tone:"

_CHORD = "st(0,mod(floor(t/8),4))"  # A minor, F, C, G; eight seconds each
_ROOT_HZ = "st(1,110*pow(2,(-4*eq(ld(0),1)+3*eq(ld(0),2)-2*eq(ld(0),3))/12))"
_STEP = "st(2,mod(floor(t*2)*3,5))"  # two notes a second, in an order that does not sound like a scale
_SINCE_PLUCK_S = "st(3,mod(t,0.5))"
_PLUCK_HZ = "st(4,440*pow(2,(3*eq(ld(2),1)+5*eq(ld(2),2)+7*eq(ld(2),3)+10*eq(ld(2),4))/12))"  # A minor pentatonic
_THIRD = "if(eq(ld(0),0),1.2,1.25)"  # minor in the first chord, major in the others
# every chord and every note begins and ends at zero, so nothing clicks
_PAD = "0.09*sin(PI*mod(t,8)/8)*(sin(2*PI*ld(1)*t)+0.7*sin(3*PI*ld(1)*t+{phase})+0.5*sin(4*PI*ld(1)*" + _THIRD + "*t))"
_PLUCK = (
    "0.14*(1-exp(-300*ld(3)))*exp(-6*ld(3))*(1-2*ld(3))"
    "*(sin(2*PI*ld(4)*t)+0.3*sin(4*PI*ld(4)*t))*(0.6{pan}0.4*sin(2*PI*t/7))"
)


def _channel(phase: int, pan: str) -> str:
    voices = f"{_PAD.format(phase=phase)}+{_PLUCK.format(pan=pan)}"
    return f"{_CHORD};{_ROOT_HZ};{_STEP};{_SINCE_PLUCK_S};{_PLUCK_HZ};{voices}"


def source(rest: str, wanted: Input) -> Source:
    """The programme at the wanted rate; ``rest`` must be empty."""
    if rest:
        raise ProfileError(f"'tone:' takes nothing behind the colon, but there is '{rest}'")
    expressions = f"{_channel(phase=0, pan='+')}|{_channel(phase=1, pan='-')}"
    return Source(
        url=f"aevalsrc='{expressions}':c=stereo:s={_MADE_HZ},aresample={wanted.sample_rate}",
        # paced as a device would be
        options={"f": "lavfi", "re": None},
    )
