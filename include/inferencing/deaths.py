"""Deaths of one copy of a model on one server: which of them are held against its package."""


class Deaths:
    """A package that ends its own process is to blame, one whose process was killed is not: the first time.

    How a process ended is not always told, and memory that runs out looks like a kill: from the second on, each death
    is held against the package, as one answer that failed.
    """

    def __init__(self) -> None:
        self.count, self.dead, self.owed = 0, False, 0

    def answered(self) -> None:
        """It lives."""
        self.dead, self.owed = False, 0

    def died(self, *, killed: bool) -> None:
        """It is dead; told of by many, a death is one until the copy has answered again."""
        if not self.dead:
            self.dead, self.count = True, self.count + 1
            self.owed += not killed or self.count > 1

    def blame(self) -> bool:
        """Whether an answer that ended with it is the one that counts as failed."""
        owed, self.owed = self.owed, 0
        return owed > 0
