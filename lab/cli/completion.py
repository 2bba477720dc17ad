"""`lab completion`: completion for shells."""

from __future__ import annotations

import click

_EPILOG = """\b
Examples:
  lab completion bash >> ~/.bashrc
  lab completion zsh >> ~/.zshrc
  lab completion fish > ~/.config/fish/completions/lab.fish
"""


@click.command(epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(ctx.find_root().command, {}, "lab", "_LAB_COMPLETE").source())
