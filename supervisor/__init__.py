"""radio-supervisor: a lossless internet radio from ALSA to a bucket."""

__version__ = "0.1.0"
