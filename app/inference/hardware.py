"""What this machine computes with; asked without importing torch unless there is a GPU to ask about."""

import os
import platform
from functools import cache
from pathlib import Path
from typing import Literal

Precision = Literal["f32", "bf16"]

BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def gpu_available() -> bool:
    """Whether torch can compute on a GPU; a machine without its device node answers at once."""
    nodes = (*Path("/dev").glob("nvidia[0-9]*"), *Path("/dev").glob("dxg"))
    if not nodes:
        return False
    import torch  # noqa: PLC0415 - seconds, and only where a GPU may be

    return bool(torch.cuda.is_available())


@cache
def cpu_description() -> tuple[str, frozenset[str]]:
    """Model name and feature flags of the first CPU; empty where the system does not tell."""
    name, flags = platform.machine(), frozenset[str]()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except (OSError, UnicodeDecodeError):
        return name, flags
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            name = value.strip()
        elif key.strip() == "flags":
            flags = frozenset(value.split())
    return name, flags


def cpu_precision(wanted: Literal["auto", "f32", "bf16"]) -> Precision:
    """Precision to compute in: ``auto`` takes bf16 only where the CPU has it (emulated, it is 10 times slower)."""
    if wanted == "auto":
        return "bf16" if BF16_FLAGS & cpu_description()[1] else "f32"
    return wanted


def cpu_threads(wanted: int) -> int:
    """Threads to compute with: ``wanted``, or for 0 as many CPUs as this process may use."""
    return wanted or len(os.sched_getaffinity(0))
