"""Tokens become text that can be sent: no character torn, no part of a stop string leaked."""

from collections.abc import Callable, Sequence

TORN = "�"  # what a detokenizer writes for bytes that are no whole character (yet)
WINDOW = 16


class Written:
    """The text of one answer as its tokens come.

    Text is final only where later tokens cannot change it: characters whose bytes are not all there wait, and so
    does an ending that a stop string may begin with.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stops: Sequence[str] = ()) -> None:
        self._decode, self._stops = decode, stops
        self._tokens: list[int] = []
        self._shown = 0  # characters of the window's text that have been taken
        self._held = ""  # text that a stop string may begin with
        self.stopped = False

    def take(self, tokens: Sequence[int], last: bool = False) -> tuple[int, str]:
        """How many of the tokens belong to the answer, and the text that is final with them.

        What comes behind a stop string counts for nothing, however much came at once.
        """
        pieces = [[token] for token in tokens] if self._stops else [list(tokens)] if tokens else []
        used, text = 0, ""
        for piece in pieces:
            if self.stopped:
                break
            used, text = used + len(piece), text + self.add(piece)
        return used, text + (self.add([], last=True) if last else "")

    def add(self, tokens: Sequence[int], last: bool = False) -> str:
        """Text that is final now; with `last`, all that is left. Empty after a stop string."""
        if self.stopped:
            return ""
        self._tokens += tokens
        text = self._decode(self._tokens) if self._tokens else ""
        whole = text if last else text.rstrip(TORN)
        new, self._shown = whole[self._shown :], max(self._shown, len(whole))
        if len(self._tokens) > WINDOW and whole == text:
            self._narrow()
        return self._until_stop(self._held + new, last)

    def _narrow(self) -> None:
        """Keep the last tokens alone: a token's text depends on its neighbours only."""
        kept = self._tokens[-WINDOW // 2 :]
        text = self._decode(kept)
        if not text.startswith(TORN) and not text.endswith(TORN):
            self._tokens, self._shown = kept, len(text)

    def _until_stop(self, text: str, last: bool) -> str:
        found = [at for at in (text.find(stop) for stop in self._stops) if at >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = 0 if last else max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _overlap(text: str, stop: str) -> int:
    """Characters at the end of `text` that `stop` begins with."""
    for length in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
