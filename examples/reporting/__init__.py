"""Four reports from Foothold's events: a consumer to copy from. README.md says how it works and what it promises."""
