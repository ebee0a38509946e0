"""Pure figures of a recording: no clock, no environment, no Locust."""
