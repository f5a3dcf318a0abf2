"""What is read: records with times, collections without, and the docstrings of Python."""
