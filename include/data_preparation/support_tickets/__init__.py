"""Generated support tickets, the part of the sample that nobody wrote."""
