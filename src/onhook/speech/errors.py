"""Everything that can be wrong with a message, as one tree.

    SpeechError
      MarkupError             seen in the text alone, before anything is rendered
        InvalidXml            error_msg_invalid_xml
        InvalidLanguage       error_msg_invalid_language
        InvalidGender         error_msg_invalid_gender
        InvalidUrl            error_msg_invalid_url
        NothingToSay          error_msg_cannot_convert_text
      RenderError             found while prompts are made
        CannotConvertText     error_msg_cannot_convert_text
        DownloadFailed        error_msg_download_failed
        RefusedUrl            error_msg_invalid_url
        InvalidFileFormat     error_msg_invalid_file_format
        InvalidFileSize       error_msg_invalid_file_size

A leaf carries the API status and a sentence for the person who reads the reply. The sentence never
repeats the message: replies and logs outlive the call, and the message may be private.
"""

from typing import ClassVar


class SpeechError(Exception):
    """A message that cannot be spoken. `status` is for programs, `detail` for people."""

    status: ClassVar[str]
    """The API status, as in section 2 of the API description."""

    sentence: ClassVar[str]
    """What is said when nothing more exact is known."""

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.sentence
        super().__init__(self.detail)


class MarkupError(SpeechError):
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


class RenderError(SpeechError):
    """A part of a well-formed message could not be made into a prompt."""


class CannotConvertText(RenderError):
    """The voice could not speak the text."""

    status = "error_msg_cannot_convert_text"
    sentence = "The text of msg could not be turned into speech by the voice that was chosen."


class DownloadFailed(RenderError):
    """The file of a <url> did not arrive."""

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
