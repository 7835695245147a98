"""Who casts votes on labels: the protocol, and the auditors behind it."""
