"""A supervisor over two sleepers, to be run as a process of its own.

Arguments: a folder, and perhaps ``--with-parent`` and ``--patient``. The sleeper ``pair`` has a
child of its own. Each process writes its id to a file when it starts.
"""

import sys
from pathlib import Path

from webapp import supervisor

PAIR = "echo $$ > pair.pid; sh -c 'echo $$ > grandchild.pid; exec sleep 600' & wait"
STUBBORN = "echo $$ > stubborn.pid; trap '' TERM; while :; do sleep 1; done"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(folder: Path, with_parent: bool, patient: bool) -> None:
    supervisor.FIRST_PAUSE = 0.1
    supervisor.STOP_SECONDS = 600.0 if patient else 2.0
    watch = supervisor.Supervisor(
        [
            supervisor.Program("pair", ["sh", "-c", f"cd {folder}; {PAIR}"], essential=True),
            supervisor.Program("stubborn", ["sh", "-c", f"cd {folder}; {STUBBORN}"], niceness=5),
        ],
        folder / "log",
        say,
        with_parent=with_parent,
    )
    files = [folder / f"{name}.pid" for name in ("pair", "grandchild", "stubborn")]
    watch.run(lambda: all(each.exists() for each in files), lambda: say("ready"))
    say("stopped")


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--with-parent" in sys.argv, "--patient" in sys.argv)
