"""The subcommands, one module each, named as the command is."""
