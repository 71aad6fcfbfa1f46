"""Programs that stand beside the platform and know it by its contract alone."""
