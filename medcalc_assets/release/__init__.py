"""What leaves the project: the story of a single label, its page, packets for physicians, and releases. No Dagster."""
