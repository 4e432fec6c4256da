"""Audits: what ε must at least be, measured, to set beside what the accountant says it is at most."""
