"""Jobs that learn from preferences and rewards, as long and saved as often as whoever kills them says."""

from importlib import import_module

from include.distributed.job import Job


def main(job: Job) -> None:
    told = job.spec["config"]
    told |= {name: job.spec[name] for name in ("steps", "save_every")}
    import_module(f"include.customization.{told['technique'].removesuffix('_model')}_job").main(job)
