"""Stewardship pipeline for the labels of MedCalc-Bench, as a Dagster project."""
