"""The federation: clients, cohorts, local training, what is said, summed and kept."""
