"""What readers and clients of the released contracts rely on, and how a present one breaks it: one line a break."""
