"""What knows mail as bytes: forms that carry it, headers, files, verdicts."""
