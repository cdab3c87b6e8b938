# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``python -m kprobe``, and what the command ``kprobe`` starts."""

import atexit
import gc


def main() -> None:
    """Run one command."""
    # What one command makes forms hardly any circles. Looking for them while modules are imported costs a tenth of a
    # judgement, and looking through everything once more at the end a fifth.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    from kprobe.cli import main as program

    program()


if __name__ == "__main__":
    main()
