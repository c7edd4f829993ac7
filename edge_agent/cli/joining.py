"""`enrol` and `rotate-key`: how a till joins, and its keys."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from edge_agent.cli.shell import (
    config_of,
    echo_json,
    with_config,
)


@click.command()
@with_config
@click.option("--hq", help="HQ's address, https://... [default with --again: as before]")
@click.option("--code", required=True, help="The invite code that HQ printed.")
@click.option("--again", is_flag=True, help="HQ talks to this till no more: join again, keep everything.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def enrol(ctx: click.Context, hq: str | None, code: str, again: bool, as_json: bool) -> None:
    """Join: make this till's key, prove the invite, and learn who this till is.

    With --again a till that has joined is known again to a headquarters that was restored from before that,
    has revoked it by mistake, or has dropped the key that it believes; the service may run.
    """
    import asyncio

    from edge_agent.store.migrations import open_database
    from edge_agent.sync import keys
    from edge_agent.sync.enrol import enrol as join
    from edge_agent.sync.enrol import enrol_again
    from edge_agent.sync.exchange import open_session
    from loyalty_core.envelope import fingerprint, public_of
    from loyalty_core.messages import Enrolled
    from loyalty_shell.data_dir import check_user

    config = config_of(ctx)
    check_user(config.data_dir)
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def ask() -> Enrolled:
        async with open_session(config.sync) as session:
            if again:
                return await enrol_again(conn, session, config.data_dir, hq, code)
            return await join(conn, session, config.data_dir, hq or "", code)

    with keys.alone(config.data_dir):
        conn = open_database(config.database)
        enrolled = asyncio.run(ask())
        conn.close()
    print_of_key = fingerprint(public_of(keys.private_key(config.data_dir)))
    if as_json:
        echo_json(
            {
                "terminal": enrolled.terminal_id,
                "store": enrolled.store_id,
                "fingerprint": print_of_key,
                "approved": enrolled.approved,
                "token_file": str(config.data_dir / keys.TOKEN_FILE),
            }
        )
        return
    click.echo(f"terminal     {enrolled.terminal_id} of store {enrolled.store_id}")
    click.echo(f"fingerprint  {print_of_key}")
    click.echo(f"token file   {config.data_dir / keys.TOKEN_FILE}")
    if again and enrolled.approved:
        click.echo("HQ knows this till again, which hands in all that HQ lacks.")
    elif enrolled.approved:
        click.echo("This till has joined. Start it with: systemctl start dangol-edge (or edge-agent run)")
    else:
        click.echo(
            "HQ must approve this till: compare the fingerprint, then hq-server terminal approve "
            f"{enrolled.terminal_id}. It may sell meanwhile: systemctl start dangol-edge (or edge-agent run)"
        )


@click.command(name="rotate-key")
@with_config
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def rotate_key(ctx: click.Context, as_json: bool) -> None:
    """Make a new key for this till; HQ takes the old one for a while. The service may run."""
    import asyncio

    from edge_agent.store import terminal
    from edge_agent.store.migrations import open_to_read
    from edge_agent.sync.exchange import open_session
    from edge_agent.sync.rotate import rotate
    from loyalty_core.envelope import fingerprint
    from loyalty_core.messages import Rotated
    from loyalty_shell.data_dir import check_user

    config = config_of(ctx)
    check_user(config.data_dir)
    conn = open_to_read(config.database)
    identity = terminal.read(conn)
    conn.close()

    async def ask() -> Rotated:
        async with open_session(config.sync) as session:
            return await rotate(identity, session, config.data_dir)

    rotated = asyncio.run(ask())
    until = datetime.fromtimestamp(rotated.old_until_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if as_json:
        echo_json(
            {
                "terminal": rotated.terminal_id,
                "fingerprint": fingerprint(rotated.public_key),
                "old_until": until,
            }
        )
        return
    click.echo(f"{rotated.terminal_id} has a new key: {fingerprint(rotated.public_key)}")
    click.echo(f"HQ takes the old one until {until}.")
