"""Say how the whole shop is."""

from dataclasses import dataclass

from store_catalog.ports import HealthProbe, PeerHealth


@dataclass(frozen=True, slots=True)
class CheckHealth:
    """Ask every service whether it is ready."""

    probe: HealthProbe

    async def __call__(self) -> list[PeerHealth]:
        """Return what each answered."""
        return await self.probe.ask_all()
