"""Estimates and what is computed from many labels at once. Pure: no Dagster, no network, no database."""
