"""Where the minutes of a day went."""
