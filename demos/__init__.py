"""One file for each task that recurrent networks are taught with; `python -m demos` lists them."""
