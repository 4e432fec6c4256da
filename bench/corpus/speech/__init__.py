"""Speech that is synthesised, with exact phonemes, and the mouth that it moves."""
