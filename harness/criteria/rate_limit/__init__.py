"""What a rate limit admits, refuses and says, from single requests under it."""
