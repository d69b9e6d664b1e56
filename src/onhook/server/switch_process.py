"""The program of the switch: takes its place among the processes of the server, and runs."""

import sys


def main() -> int:
    """Runs the switch; why it cannot is told the supervisor."""
    from onhook.server.lean_imports import keep_out

    keep_out()
    import uvloop

    from onhook.processes.membership import Membership
    from onhook.server.logs import configure_logs
    from onhook.server.settings_handed import restored
    from onhook.server.start_error import StartError
    from onhook.server.supervised import Supervised
    from onhook.server.switch import Superseded, Switch

    member = Membership.join()
    settings = restored(member.settings)
    configure_logs(member.role, private=settings.log_private)
    try:
        uvloop.run(Switch(settings, Supervised(member)).run())
    except (StartError, Superseded) as error:
        member.failed(str(error), lasting=isinstance(error, Superseded))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
