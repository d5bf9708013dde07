"""The one reason why a segment is refused."""


class DamagedError(Exception):
    """The file is not what FFmpeg writes when it is left to finish; the message says where."""
