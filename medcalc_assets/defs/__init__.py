"""The chain as Dagster assets, one module a stage: source, phase1_audit, phase2_relabel, disagreement, ..."""
