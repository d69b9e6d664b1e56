"""How prompts are made with the settings of an installation: by the server, or ahead by a command."""

from typing import TYPE_CHECKING, Final

from onhook.calls.preparation import CheckedFetcher, download_slots
from onhook.media.prompt import Prompt
from onhook.notify.downloads import Downloader
from onhook.processes.workers import Starter
from onhook.server.directories import prompt_directory
from onhook.server.prompt_files import PromptFiles
from onhook.speech.downloads.copies import Copies
from onhook.speech.downloads.decoding import Decoders
from onhook.speech.downloads.downloads import Downloads
from onhook.speech.renderer import Renderer
from onhook.speech.synthesis.synthesiser import Synthesiser
from onhook.speech.voices import Catalogue

if TYPE_CHECKING:
    from onhook.server.settings import Settings

_MADE_AHEAD: Final = "speech"
_COPIES: Final = "downloads.db"
_PROMPT_BYTES_S: Final = 2 * 8000  # both laws
_OPEN_SHARE: Final = 4  # a quarter of the prompts that are kept may be held open


def make_renderer(
    settings: "Settings",
    client: Downloader,
    catalogue: Catalogue,
    *,
    starter: Starter | None = None,
) -> tuple[Renderer[Prompt], PromptFiles]:
    """What makes prompts, and where it keeps them: of several processes on one data directory, too.

    `starter` starts decoders and what speaks. The renderer has to be closed. Raises ``OSError``.
    """
    limit_bytes = settings.prompt_cache_mb * 1024 * 1024
    files = PromptFiles(prompt_directory(settings.data), limit_bytes)
    downloads = Downloads(
        files,
        CheckedFetcher(client),
        slots=download_slots(),
        copies=Copies(settings.data / _COPIES),
        decoders=Decoders(starter),
        patience_s=settings.prepare_s / 2,
        stale_s=settings.stale_s,
    )
    renderer = Renderer(
        catalogue=catalogue,
        store=files,
        downloads=downloads,
        synthesis=Synthesiser(
            settings.voices_dir,
            made_ahead=settings.data / _MADE_AHEAD,
            starter=starter,
            idle_s=settings.speech_idle_s,
            experimental=settings.experimental_voices,
        ),
        voice_wait_s=settings.voice_wait_ms / 1000,
        opened_s=limit_bytes / _OPEN_SHARE / _PROMPT_BYTES_S,
    )
    return renderer, files
