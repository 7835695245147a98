"""The warehouse: one DuckDB file, its tables as declared, and the IO manager that reads and writes them."""
