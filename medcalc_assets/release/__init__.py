"""What leaves the project: the maintained labels as files, released under a version or as a working copy. No Dagster."""
