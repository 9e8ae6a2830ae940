"""Running a strategy over a task: jobs, caps, storage."""
