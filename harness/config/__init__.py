"""What was asked for: the scenario, its options, and both read and checked as the settings of one run."""
