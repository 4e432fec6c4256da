"""The guarantee that a run's noise gives: accountants, the ledger, three adversaries."""
