"""What was found: a line for each assumption, one line to close it."""

from ..machine.voice import Voice


class Findings(Voice):
    """Prints what is found and counts it.

    :param secrets: texts that must not be seen
    """

    def __init__(self, *secrets: str):
        super().__init__()
        self._secrets = list(secrets)
        self.lines: list[str] = []
        # Answers of the API, the first of each kind.
        self.met: list[str] = []
        self.counts = {"holds": 0, "does not hold": 0, "not checked": 0}

    def hide(self, secret: str) -> None:
        """Never print this."""
        self._secrets.append(secret)

    def say(self, text: str) -> None:
        """Print a line, without secrets."""
        for secret in filter(None, self._secrets):
            text = text.replace(secret, "***")
        super().say(text)

    @property
    def secrets(self) -> list[str]:
        """Return what must not be seen."""
        return list(filter(None, self._secrets))

    def group(self, name: str) -> None:
        """Begin a group."""
        self.lines.append(f"== {name}")
        print(self.lines[-1], flush=True)

    def holds(self, sentence: str, seen: str | None) -> None:
        """Say that an assumption holds, and what was seen besides."""
        self._found("holds", sentence, seen or "")

    def contradicted(self, sentence: str, found: str) -> None:
        """Say that an assumption does not hold."""
        self._found("does not hold", sentence, f"found {found}")

    def not_checked(self, sentence: str, why: str) -> None:
        """Say that an assumption could not be checked."""
        self._found("not checked", sentence, why)

    def close(self) -> int:
        """Print the counts.

        :return: the exit code
        """
        holds, wrong, unknown = self.counts.values()
        print(f"\n{holds} hold, {wrong} do not hold, {unknown} not checked", flush=True)
        return 1 if wrong else 0

    def _found(self, result: str, sentence: str, more: str) -> None:
        self.counts[result] += 1
        self.lines.append(f"{result:<14}{sentence}{': ' if more else ''}{more}")
        self.say(f"{result:<14}{sentence}{': ' if more else ''}{more}")
