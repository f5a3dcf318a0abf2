"""Fixtures of the tests whose jobs launch DeepSpeed."""

from tests.distributed.extensions import shared_extensions

__all__ = ["shared_extensions"]
