"""Puts the sample's steps in the place of the real ones, in each process that has this folder on its path."""

import sys

from tests.plugins import sample_workflow

sys.modules |= sample_workflow.modules()
