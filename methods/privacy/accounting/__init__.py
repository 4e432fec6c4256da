"""What a run's noise guarantees: accountants, the ledger, three adversaries."""
