"""The layouts of real data sets of moving faces with speech, one file each."""
