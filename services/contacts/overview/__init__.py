"""An account as its view shows it: itself, its standing, its people."""
