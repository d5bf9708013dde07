"""Measurements against the targets of the design, each beside what it is compared to, in one run."""
