"""Serving looked at again and again: does it answer, does it keep its promises, what does it cost, what has changed."""
