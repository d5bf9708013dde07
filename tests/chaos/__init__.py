"""Faults on real processes, and what must be true after each of them."""
