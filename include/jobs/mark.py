"""How a local job's processes are told from those of the servers around them. No import: the keeper reads it."""

# environment variable of a job and of all that it starts; its value is the job's id
JOB_MARK = "WORKFLOW_JOB"
