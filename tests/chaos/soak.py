"""Random faults for as long as wanted, an audit after each, and what memory, files and threads did meanwhile.

``python -m tests.chaos.soak --minutes N --seed S``; exit code 1 on any violation.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chaos.faults import CLOCK_FAULTS, FAULTS, Fault, perform
from tests.chaos.footprint import Footprint
from tests.chaos.stage import Stage, staged
from tests.rig.parts import comes_true
from tests.rig.s3 import start_s3

_LONGEST_PAUSE_S = 15.0
_MB_A_MINUTE = 20
"""One minute of the programme in the archive, rounded up."""


@dataclass
class Soak:
    """What happened so far."""

    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    lives: list[tuple[Footprint, Footprint]] = field(default_factory=list)

    def suffer(self, stage: Stage, fault: Fault) -> bool:
        """Inflicts one fault; false when the station did not come back from it."""
        began_s = time.monotonic()
        self.counts[fault.__name__] += 1
        try:
            found = perform(stage, fault)
        except (pytest.fail.Exception, AssertionError) as failure:
            self.violations.append(f"{fault.__name__}: {failure}")
            print(f"        the station did not come back from {fault.__name__}: {failure}", flush=True)
            return False
        self._note(stage.quiet())
        self.violations += [f"{fault.__name__}: {violation}" for violation in found]
        verdict = "; ".join(found) or "nothing"
        print(f"{time.monotonic() - began_s:6.1f} s  {fault.__name__}: wrong afterwards: {verdict}", flush=True)
        return True

    def _note(self, now: Footprint) -> None:
        if self.lives and self.lives[-1][0].pid == now.pid:
            self.lives[-1] = (self.lives[-1][0], now)
        else:
            self.lives.append((now, now))

    def table(self) -> str:
        """The faults with how often each was inflicted, and what each life of the supervisor grew by."""
        faults = [f"{count:5}  {name}" for name, count in sorted(self.counts.items())]
        lives = [
            f"{first.rss_kb:9} {last.rss_kb - first.rss_kb:+9} {_files(last) - _files(first):+7} "
            f"{last.threads - first.threads:+8}"
            for first, last in self.lives
        ]
        head = "   RSS kB    growth   files  threads   (one line for each life of the supervisor)"
        return "\n".join(["times  fault", *faults, "", head, *lives, "", *(self.violations or ["no violation"])])


def _files(held: Footprint) -> int:
    return held.sockets + sum(count for _, count in held.files)


def soak(stage: Stage, minutes: float, chance: random.Random) -> Soak:
    """Goes on until the time is over or the station does not come back."""
    done, ends_at_s = Soak(), time.monotonic() + 60 * minutes
    stage.start()
    stage.radio.published(3, within_s=20)
    while time.monotonic() < ends_at_s:
        if not done.suffer(stage, chance.choice((*FAULTS, *CLOCK_FAULTS))):
            return done
        over_at_s = time.monotonic() + chance.uniform(0, _LONGEST_PAUSE_S)
        comes_true(lambda over_at_s=over_at_s: time.monotonic() > over_at_s, _LONGEST_PAUSE_S)  # type: ignore[misc]
    done.violations += [*stage.stop(), *stage.violations_at_rest(), *stage.missing_in_ledger()]
    return done


def main() -> int:
    """The command; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    wanted = parser.parse_args()
    print(f"seed {wanted.seed}, {wanted.minutes:g} minutes", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="radio-soak-", dir="/dev/shm"))
    server = start_s3(folder / "rgw")
    recordings_mb = 256 + round(_MB_A_MINUTE * wanted.minutes)
    try:
        with staged(folder, server, own_clock=True, recordings_mb=recordings_mb) as stage:
            done = soak(stage, wanted.minutes, random.Random(wanted.seed))
            if done.violations:
                kept = shutil.copy(stage.radio.log_path, tempfile.mkdtemp(prefix="radio-soak-log-"))
                print(f"the supervisor's log is kept in {kept}")
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(done.table())
    return 1 if done.violations else 0


if __name__ == "__main__":
    sys.exit(main())
