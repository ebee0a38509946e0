"""The limit: up to which load a criterion holds, found by runs at one load after another."""
