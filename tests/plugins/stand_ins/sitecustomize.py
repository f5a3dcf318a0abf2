"""First on the path of a process, it puts the sample's steps in the place of the real ones, as the fixture does here."""

import sys

from tests.plugins import sample_workflow

sys.modules |= sample_workflow.modules()
