"""Child processes that never outlive the command that started them."""

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import paths

# Odoo ends its threads within seconds; a browser test may hold on a little longer.
PATIENCE = 20


class AskedToEnd(SystemExit, KeyboardInterrupt):
    """A signal came: the end of a program, and no failure of a test that runs."""


_asked: list[AskedToEnd] = []


def exit_on_signals() -> None:
    """Leave by ``AskedToEnd`` when asked to, so that everything is cleaned up."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def leave(received, _frame):
        # A second Ctrl-C would interrupt the cleaning up.
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        _asked.append(AskedToEnd(128 + received))
        end_if_asked()

    for number in numbers:
        signal.signal(number, leave)


def end_if_asked() -> None:
    """Leave now if a signal came and something has caught the exception."""
    if _asked:
        raise _asked[0]


@contextlib.contextmanager
def background(
    command: list[str], env: dict[str, str], log: Path, stdin: Path | None = None
) -> Iterator[subprocess.Popen]:
    """Run a command beside this one while the context lasts.

    :param log: where its output goes
    :param stdin: what it reads
    """
    with log.open("ab") as output, open(stdin or os.devnull) as script:
        process = subprocess.Popen(
            command,
            env=env,
            # In the checkout "tests" and "tools" would be packages of their own.
            cwd=paths.STATE,
            stdin=script,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C in the terminal is for this process, which ends the child in turn.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen) -> None:
    """End a process and what it started: politely, then not."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
    # Also a browser that was left alone.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def watch(
    command: list[str],
    env: dict[str, str],
    log: Path,
    on_line: Callable[[str], None],
    on_tick: Callable[[], None],
    stdin: Path | None = None,
    limit: float = 1800,
) -> int:
    """Run a command to its end, seeing each line of its output as it comes.

    :param log: where the output goes, too
    :param on_tick: called every few seconds, at least
    :param stdin: what it reads
    :param limit: seconds after which the command is ended
    :return: its exit code
    """
    with background(command, env, log, stdin) as process:
        lines: queue.Queue = queue.Queue()
        threading.Thread(
            target=_follow, args=(log, process, lines.put), daemon=True
        ).start()
        ends = time.monotonic() + limit
        while True:
            on_tick()
            try:
                line = lines.get(timeout=5)
            except queue.Empty:
                line = None
            if line == "":
                return process.returncode
            if line is not None:
                on_line(line)
            if time.monotonic() > ends:
                on_line(f"ended: it took more than {limit:.0f} s\n")
                return -1


def _follow(log: Path, process: subprocess.Popen, put: Callable[[str], None]) -> None:
    """Put each line, then "" when the process is done.

    Reads the file and not a pipe, which a left-over grandchild would keep open.
    """
    with log.open(errors="replace") as handle:
        partial = ""
        while True:
            ended = process.poll() is not None
            partial += handle.readline()
            if partial.endswith("\n"):
                put(partial)
                partial = ""
            elif ended:
                break
            else:
                time.sleep(0.1)
    if partial:
        put(partial)
    put("")
