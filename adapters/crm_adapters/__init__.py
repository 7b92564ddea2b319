"""Everything of crm_domain that touches the world: command logs, the command line, stores."""
