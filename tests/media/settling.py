"""Waiting until the plane has done what it was asked."""

from media.rtp_peer import Clip, Ear, RtpPeer, tone
from onhook.media import Codec, MediaPlane


async def settled(plane: MediaPlane) -> None:
    """Returns once all commands so far have been taken, and all that had arrived has been read.

    Commands are taken in their order, and packets once a round. A stream of its own has three frames
    played, which leave one a round.
    """
    with RtpPeer() as peer:
        ear = Ear()
        stream = plane.open(
            plane.reserve(),
            remote=peer.address,
            codec=Codec.PCMU,
            dtmf_payload_type=None,
            listener=ear,
        )
        stream.play([Clip(tone(3))], ear.on_played)
        await ear.until_played()
        stream.close()
        await ear.until_closed()
