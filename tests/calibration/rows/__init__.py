"""One file a row of docs/calibration.md."""
