"""A package on its way to become the champion: a state machine in the champion alias."""
