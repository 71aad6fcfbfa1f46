"""The one door: identity, forwarding, composed views."""
