"""TRL's trainers, in an environment of their own, on what an export wrote."""
