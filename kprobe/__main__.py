# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``python -m kprobe``, and what the command ``kprobe`` starts."""

import gc


def main() -> None:
    """Run one command."""
    # What one command makes forms hardly any circles; looking for them while modules are imported and evidence is read
    # costs a tenth of a judgement.
    gc.set_threshold(100_000)
    from kprobe.cli import main as program

    program()


if __name__ == "__main__":
    main()
