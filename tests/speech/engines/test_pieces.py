import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onhook.speech.engines.pieces import LIMIT, pieces


@settings(deadline=None)
@given(
    st.text(alphabet=st.one_of(st.sampled_from(" .,!\n\u2026\"'"), st.characters()), max_size=900)
)
def test_pieces_cover_the_text_and_respect_the_limit(text: str) -> None:
    cut = list(pieces(text))
    assert "".join(cut) == text
    assert all(0 < len(piece) <= LIMIT for piece in cut)


@settings(deadline=None)
@given(st.text(alphabet="ab ,.", max_size=100), st.integers(1, 20))
def test_any_limit_is_respected(text: str, limit: int) -> None:
    cut = list(pieces(text, limit))
    assert "".join(cut) == text
    assert all(0 < len(piece) <= limit for piece in cut)


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=30), min_size=60, max_size=99))
def test_words_that_fit_are_never_cut(words: list[str]) -> None:
    text = " ".join(words)
    assert [word for piece in pieces(text) for word in piece.split()] == words


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("One, two. Three four five", ["One, two. ", "Three four ", "five"]),
        ('He said "go." Then, silence', ["He said ", '"go." ', "Then, ", "silence"]),
        ("a, b c d e f g", ["a, ", "b c d e f g"]),
        ("aaaaaaaaaaaaaaaaa", ["aaaaaaaaaaaa", "aaaaa"]),
        ("3.14159 is it", ["3.14159 is ", "it"]),
        ("short", ["short"]),
        ("", []),
    ],
)
def test_a_sentence_is_better_than_a_comma_is_better_than_a_blank(
    text: str, cut: list[str]
) -> None:
    assert list(pieces(text, 12)) == cut
