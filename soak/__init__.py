"""A long run of a host with everything going wrong that may: `scripts/soak`."""
