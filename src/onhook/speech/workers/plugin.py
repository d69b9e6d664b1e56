"""The voices of one plugin in a process; see `loop`.

    python -m onhook.speech.workers.plugin PLUGIN ALARM_S

PLUGIN is an entry point of the group `onhook.voices`. A job is JSON: `{"voice": "alma", "text": "..."}`.
"""

import json
import sys
from collections.abc import Callable
from importlib.metadata import entry_points

from onhook.speech.errors import CannotSpeak, PluginUnusable
from onhook.speech.plugins import GROUP, speakers
from onhook.speech.workers.loop import packed, refused, serve


def load(plugin: str) -> Callable[[bytes], bytes]:
    """Have the plugin name its voices; what is returned answers a job.

    Raises `PluginUnusable`, and whatever the plugin raises.
    """
    found = entry_points(group=GROUP, name=plugin)
    if not found:
        raise PluginUnusable(f"there is no plugin {plugin!r}")
    voices = speakers(next(iter(found)))

    def answer(job: bytes) -> bytes:
        wish = json.loads(job)
        try:
            return packed(voices[wish["voice"]].synthesise(wish["text"]))
        except CannotSpeak as error:
            return refused(str(error))
        except Exception as error:  # noqa: BLE001  its message may quote the text: only its type is told
            return refused(type(error).__name__)

    return answer


if __name__ == "__main__":
    serve(lambda: load(sys.argv[1]), float(sys.argv[2]))
