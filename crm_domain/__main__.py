"""Run the command line: ``python -m crm_domain`` is ``crm-domain``.

The command line is the adapters', which the domain does not know. So its name is looked up here,
when the module is run.
"""

from importlib import import_module

if __name__ == "__main__":
    import_module("crm_adapters.cli").main()
