"""A function called many times: in processes, on machines."""
