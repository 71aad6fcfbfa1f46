"""What has changed since a caller last looked, in order."""
