"""What a job leaves is collected at its end, and memory is at hand while it lasts."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys
import weakref

import pytest

from lab.runs.memory import freed

FAULTS = """
import resource
import numpy as np
from contextlib import nullcontext
from lab.runs.memory import freed

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(1 << 17) for _ in range(20)]
    del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with {context}():
    print([faults() for _ in range(10)][-1])
"""
"""How many pages the system hands out for twenty arrays of 1 MB that were made and freed before already."""


class Web:
    """Something in a cycle, which only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


def test_cycles_of_a_job_are_collected_at_its_end_and_those_of_others_later() -> None:
    gc.disable()
    try:
        before = weakref.ref(Web())
        with freed():
            inside = weakref.ref(Web())
            assert inside() is not None
        assert inside() is None
        assert before() is not None, "what was there before is not looked through"
        gc.collect()
        assert before() is None, "and is not put aside for good either"
    finally:
        gc.enable()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such setting")
def test_arrays_that_are_made_again_and_again_need_no_new_pages() -> None:
    def faults(context: str) -> int:
        code = FAULTS.format(context=context)
        return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)

    assert faults("freed") * 4 < faults("nullcontext")
