"""What strangers wrote, made fit to be shown. Pure."""


def plain(text: str) -> str:
    """Without what steers a terminal or the direction of writing; lines stay."""
    said = text.replace("\r\n", "\n")
    return "".join(
        char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for char in said
    )
