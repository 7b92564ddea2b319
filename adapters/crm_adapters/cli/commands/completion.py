"""The command ``crm-domain completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print what makes the Tab key complete commands and options.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes the Tab key complete this command in bash, zsh or fish.

    \b
    Examples, each for the file that the shell reads when it starts:
      crm-domain completion bash >> ~/.bashrc
      crm-domain completion zsh >> ~/.zshrc
      crm-domain completion fish > ~/.config/fish/completions/crm-domain.fish
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    root = ctx.find_root()
    complete = get_completion_class(shell)
    assert complete is not None, "click knows these three"
    click.echo(complete(root.command, {}, str(root.info_name), "_CRM_DOMAIN_COMPLETE").source())
