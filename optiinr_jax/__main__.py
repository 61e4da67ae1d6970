"""`python -m optiinr_jax` is the command `optiinr`."""

from optiinr_jax.cli.main import main

if __name__ == "__main__":
    main()
