"""The layouts of real data sets of talking people on video, one file each."""
