"""What was asked for: options, scenarios, settings."""
