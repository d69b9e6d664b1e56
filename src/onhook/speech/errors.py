"""Everything that can go wrong with speech, as one tree.

    SpeechError
      MessageError              a message cannot be spoken, and it is the message that is at fault
        MarkupError             seen in the text alone, before anything is rendered
          InvalidXml            error_msg_invalid_xml
          InvalidLanguage       error_msg_invalid_language
          InvalidGender         error_msg_invalid_gender
          InvalidUrl            error_msg_invalid_url
          NothingToSay          error_msg_cannot_convert_text
        RenderError             found while prompts are made
          CannotConvertText     error_msg_cannot_convert_text
          FileNotDownloaded     error_msg_download_failed
          RefusedUrl            error_msg_invalid_url
          InvalidFileFormat     error_msg_invalid_file_format
          InvalidFileSize       error_msg_invalid_file_size
      FetchError                a `Fetcher` has no file; becomes a RenderError
        UrlNotValid             the address cannot be asked for at all
        FetchRefused            a rule forbids to ask for it (a private address, say)
        FetchFailed             no 200, a body that cannot be decoded
          TryLater              no whole answer in time, or one that speaks of a passing trouble
        TooLarge                more bytes than the limit
      InstallationError         not the message is at fault but the machine: an internal error to the API
        EngineUnavailable       an engine cannot be started
        DirectoryUnusable       the directory of Piper voices cannot be read
        PluginUnusable          a plugin does not offer what it should: it is left out
        VoiceFileUnusable       a Piper voice has no usable description: it is left out
        InstallFailed           Kokoro's voices cannot be installed
      WorkerFailed              a worker process gave no answer, and is replaced; becomes CannotConvertText
        WorkerDied              its socket ended
        WorkerLate              the deadline passed
        WorkerBabbled           the answer is none that it could give
      DecoderFailed             a decoding process failed, and is replaced; becomes InvalidFileFormat
        DecoderNotStarted       no process could be had: the machine is at fault, and this goes up as it is
        DecoderDied             it crashed, was killed, or needed more memory than it may have
        DecoderLate             it took longer than it may
        DecoderBabbled          its reply makes no sense
      CannotSpeak               raised by plugins; becomes CannotConvertText

A `MessageError` carries the API status and a sentence for the person who reads the reply. The sentence
never repeats the message: replies and logs outlive the call, and the message may be private.
"""

from typing import ClassVar


class SpeechError(Exception):
    """The root, which nobody catches: what is to be done differs from branch to branch."""


class MessageError(SpeechError):
    """A message that cannot be spoken. `status` is for programs, `detail` for people."""

    status: ClassVar[str]
    """The API status, as in section 2 of the API description."""

    sentence: ClassVar[str]
    """What is said when nothing more exact is known."""

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.sentence
        super().__init__(self.detail)


class MarkupError(MessageError):
    """The message itself is wrong; nothing was fetched or spoken to find out."""


class InvalidXml(MarkupError):
    """The markup is not well formed, or not the markup of messages."""

    status = "error_msg_invalid_xml"
    sentence = (
        "The markup of msg is not well formed: write < as &lt; in plain text, and close every "
        "<speech> and <url>."
    )


class InvalidLanguage(MarkupError):
    """No voice speaks the language that a <speech> asks for."""

    status = "error_msg_invalid_language"
    sentence = "No voice speaks the language that a <speech> in msg asks for."


class InvalidGender(MarkupError):
    """The gender is no gender of a voice, or no voice of the language has it."""

    status = "error_msg_invalid_gender"
    sentence = "The gender of a <speech> in msg is not one of male and female."


class InvalidUrl(MarkupError):
    """The content of a <url> is not the address of a file."""

    status = "error_msg_invalid_url"
    sentence = "A <url> in msg must hold one complete http:// or https:// address."


class NothingToSay(MarkupError):
    """The message, or a <speech> of it, has no letter and no digit."""

    status = "error_msg_cannot_convert_text"
    sentence = "There is nothing in msg that can be spoken: it has no letter and no digit."


class RenderError(MessageError):
    """A part of a well-formed message could not be made into a prompt."""


class CannotConvertText(RenderError):
    """The voice finds no sound in the text, cannot read its script, failed at it, or was too slow."""

    status = "error_msg_cannot_convert_text"
    sentence = "The text of msg could not be turned into speech by the voice that was chosen."


class FileNotDownloaded(RenderError):
    """The file of a <url> did not arrive in time, or its server has none for us."""

    status = "error_msg_download_failed"
    sentence = "The file of a <url> in msg could not be downloaded."


class RefusedUrl(RenderError):
    """The downloader, which reads addresses more strictly than the markup does, refused one."""

    status = "error_msg_invalid_url"
    sentence = "The address in a <url> of msg is not one that can be asked for."


class InvalidFileFormat(RenderError):
    """The file of a <url> is not audio of a kind that is supported, or has the wrong extension."""

    status = "error_msg_invalid_file_format"
    sentence = "The file of a <url> in msg must be a .mp3, .wav or .gsm recording."


class InvalidFileSize(RenderError):
    """The file of a <url> has too many bytes, or plays for too long."""

    status = "error_msg_invalid_file_size"
    sentence = "The file of a <url> in msg is larger than 10 MB."


class FetchError(SpeechError):
    """A download that gave no file. `detail` is a sentence that a customer may read."""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        super().__init__(detail)


class UrlNotValid(FetchError):
    """The address cannot be asked for, whatever stands behind it."""


class FetchRefused(FetchError):
    """A rule of this installation forbids to ask for the address."""


class FetchFailed(FetchError):
    """The file was asked for and did not arrive."""


class TryLater(FetchFailed):
    """No whole answer came in time, or one that says nothing about the file (429, 5xx)."""


class TooLarge(FetchError):
    """The file has more bytes than the limit; the rest was not read."""


class InstallationError(SpeechError):
    """Something of this installation is missing or unusable; the message is a sentence for its operator."""


class EngineUnavailable(InstallationError, OSError):
    """The engine cannot be started. An `OSError` to whoever asks only whether the machine is at fault."""


class DirectoryUnusable(InstallationError):
    """The directory of Piper voices cannot be read."""


class PluginUnusable(InstallationError, ValueError):
    """A plugin does not offer what it should; the message says what."""


class VoiceFileUnusable(InstallationError, ValueError):
    """A voice in the directory cannot be used; the message says why."""


class InstallFailed(InstallationError):
    """The voices cannot be installed; the message says what to do."""


class WorkerFailed(SpeechError):
    """The program gave no answer; it has to be closed."""


class WorkerDied(WorkerFailed):
    """The program ended before it answered."""


class WorkerLate(WorkerFailed):
    """The program did not answer in time."""


class WorkerBabbled(WorkerFailed):
    """The program's answer cannot be one."""


class DecoderFailed(SpeechError):
    """A process did not do what it is there for, and cannot be used again."""


class DecoderNotStarted(DecoderFailed):
    """No process could be had."""


class DecoderDied(DecoderFailed):
    """It crashed, was killed, or needed more memory than it may have."""


class DecoderLate(DecoderFailed):
    """It took longer than it may."""


class DecoderBabbled(DecoderFailed):
    """Its reply makes no sense."""


class CannotSpeak(SpeechError):
    """Raised by a `Speaker` for a text that it cannot speak, or while it cannot speak at all.

    The message stands in the server's log. It must not repeat the text, which may be private.
    """
