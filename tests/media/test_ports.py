import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.media import NoPortLeft
from onhook.media.ports import PortPool


def pool(ports: range, *, start: int = 0, refused: dict[int, int] | None = None) -> PortPool[int]:
    """A pool whose sockets have their port as descriptor; `refused` maps a port to its errno."""

    def bind(port: int) -> int:
        if refused and port in refused:
            raise OSError(refused[port], "refused")
        return port

    return PortPool(ports, bind=bind, start=start)


def test_only_even_ports() -> None:
    ports = pool(range(1001, 1008))
    assert ports.capacity == 3
    assert {ports.take()[0] for _ in range(3)} == {1002, 1004, 1006}


def test_only_ports_whose_neighbour_is_of_the_range_too() -> None:
    """What a firewall was told holds for RTCP as well."""
    ports = pool(range(1000, 1005))
    assert ports.capacity == 2
    assert {ports.take()[0] for _ in range(2)} == {1000, 1002}


def test_begins_where_it_is_told_and_goes_round() -> None:
    ports = pool(range(1000, 1008), start=6)
    assert [ports.take()[0] for _ in range(4)] == [1004, 1006, 1000, 1002]


def test_a_port_given_back_is_the_last_to_be_used_again() -> None:
    ports = pool(range(1000, 1006))
    ports.give_back(ports.take()[0])
    assert [ports.take()[0] for _ in range(3)] == [1002, 1004, 1000]


def test_ports_of_others_are_passed_over() -> None:
    ports = pool(range(1000, 1006), refused={1000: errno.EADDRINUSE, 1002: errno.EACCES})
    assert ports.take() == (1004, 1004)
    with pytest.raises(NoPortLeft):
        ports.take()


def test_no_descriptor_left_is_no_port_left() -> None:
    ports = pool(range(1000, 1006), refused={1000: errno.EMFILE})
    with pytest.raises(NoPortLeft, match="no socket"):
        ports.take()
    assert ports.used == 0


def test_another_error_is_passed_on() -> None:
    with pytest.raises(OSError) as caught:
        pool(range(1000, 1006), refused={1000: errno.EADDRNOTAVAIL}).take()
    assert caught.value.errno == errno.EADDRNOTAVAIL


@pytest.mark.parametrize("ports", [range(0), range(1001, 1003), range(4), range(65534, 65540)])
def test_ranges_that_are_none(ports: range) -> None:
    with pytest.raises(ValueError, match="even"):
        pool(ports)


@given(st.integers(1, 12), st.integers(0, 99), st.lists(st.integers(0, 11)))
def test_never_the_same_port_twice_and_never_too_few(
    size: int, start: int, returns: list[int]
) -> None:
    ports = pool(range(1000, 1000 + 2 * size), start=start)
    held: list[int] = []
    for index in returns:
        if len(held) == size:
            with pytest.raises(NoPortLeft):
                ports.take()
            ports.give_back(held.pop(index % size))
        port, _ = ports.take()
        assert port not in held
        held.append(port)
        assert ports.used == len(held)
