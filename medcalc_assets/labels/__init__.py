"""What a label is: value, parsing, limits, discrepancy, voting, agreement. Pure: no Dagster, network or database."""
