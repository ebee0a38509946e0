"""How often the judging side is right, measured on simulated services whose truth is known."""
