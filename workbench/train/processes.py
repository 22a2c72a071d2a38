"""Training in several processes, one a GPU, as `accelerate launch` starts them: who may write.

Written for FSDP and DeepSpeed's ZeRO-3 (`workbench/train/launch`) and never run on several GPUs;
two processes on a CPU are tested.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def count_processes() -> int:
    """How many processes train together; 1 unless somebody launched more."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Whether this process is the one that writes to the run folder."""
    return count_processes() == 1 or os.environ.get("RANK", "0") == "0"


def is_any(flag: bool) -> bool:
    """Whether a process says yes: what all must do at the same step, they must all have heard of.

    All have to ask; it is the same answer for all.
    """
    if count_processes() == 1:
        return flag
    from accelerate.utils import gather_object

    return any(gather_object([flag]))


@contextmanager
def main_first() -> Iterator[None]:
    """Let the main process through the block before all others."""
    if count_processes() == 1:
        yield
        return
    import torch
    from accelerate import PartialState

    # without a GPU it takes the processes for strangers unless it is told
    with PartialState(cpu=not torch.cuda.is_available()).main_process_first():
        yield
