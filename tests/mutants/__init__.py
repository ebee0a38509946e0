"""Would the tests notice? Small changes to the judging side, each of which a test should turn red."""
