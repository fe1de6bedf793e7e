"""One run of several processes: how they meet, what they share, who leads."""
