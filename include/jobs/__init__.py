"""A whole step as a job of its own: submitted once, watched from anywhere, outliving the worker that submitted it."""
