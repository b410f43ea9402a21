"""How messages are written: as the driver does, but asking for no more than is needed."""

from typing import Any, Final

from cassandra.protocol import ExecuteMessage, ProtocolHandler

_SKIP_METADATA: Final = 0x02
_BEFORE_IDS: Final = 9
"""Bytes of a frame's head."""
_BEFORE_FLAGS: Final = 2 + 2 + 2 + 3
"""Bytes beside the two ids: their lengths, the consistency level, and the flags above the lowest byte."""


class Codec(ProtocolHandler):  # type: ignore[misc]  # the driver ships no types
    """Asks for rows without column descriptions: the driver has them from preparing, but never omits them.

    Reading the columns of a wide row again and again costs more than reading the row. With version 5 of the protocol
    the node sends them all the same when they have changed, and with the outcome of a conditional write.
    """

    @classmethod
    def encode_message(cls, msg: Any, *args: Any, **kwargs: Any) -> bytes:
        """Return the frame of a message."""
        frame: bytes = super().encode_message(msg, *args, **kwargs)
        if type(msg) is not ExecuteMessage or not msg.skip_meta or msg.custom_payload:
            return frame
        changed = bytearray(frame)
        changed[_BEFORE_IDS + len(msg.query_id) + len(msg.result_metadata_id) + _BEFORE_FLAGS] |= (
            _SKIP_METADATA
        )
        return bytes(changed)
